#include <dirent.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "libs/telemetry/metrics.h"
#include "prometheus/client_metric.h"
#include "prometheus/metric_family.h"

namespace telemetry {
namespace {

prometheus::MetricFamily Single(const char* name, const char* help, prometheus::MetricType type,
                                double value) {
  prometheus::ClientMetric metric;
  (type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  return {name, help, type, {metric}};
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int OpenFileDescriptors() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  int entries = 0;
  while (readdir(folder) != nullptr) ++entries;
  closedir(folder);
  return entries - 3;  // ".", "..", and the one that reads the folder
}

// "VmRSS:   1234 kB" in /proc/self/status; 0 if the line is missing.
double StatusNumber(const std::string& status, const char* name) {
  const std::size_t at = status.find(std::string("\n") + name + ":");
  if (at == std::string::npos) return 0;
  return std::strtod(status.c_str() + at + std::strlen(name) + 2, nullptr);
}

// Seconds since 1970, from the start in clock ticks since boot (field 22 of /proc/self/stat).
double ReadStartTime() {
  std::ifstream stat_file("/proc/self/stat");
  std::string stat{std::istreambuf_iterator<char>(stat_file), {}};
  const std::size_t after_name = stat.rfind(')');
  if (after_name == std::string::npos) return 0;
  const char* at = stat.c_str() + after_name + 1;
  for (int field = 3; field <= 22 && at != nullptr; ++field) at = std::strchr(at + 1, ' ');
  if (at == nullptr) return 0;
  // `at` is behind field 22; step back to its beginning.
  const char* begin = at - 1;
  while (*begin != ' ') --begin;
  timespec now{}, since_boot{};
  clock_gettime(CLOCK_REALTIME, &now);
  clock_gettime(CLOCK_BOOTTIME, &since_boot);
  return static_cast<double>(now.tv_sec - since_boot.tv_sec) +
         std::strtod(begin, nullptr) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessMetrics::Collect() const {
  using enum prometheus::MetricType;
  static const double start_time = ReadStartTime();
  std::ifstream status_file("/proc/self/status");
  const std::string status{std::istreambuf_iterator<char>(status_file), {}};
  return {
      Single("process_cpu_seconds_total", "User and system CPU time.", Counter, CpuSeconds()),
      Single("process_resident_memory_bytes", "Resident memory.", Gauge,
             StatusNumber(status, "VmRSS") * 1024),
      Single("process_peak_resident_memory_bytes", "The most memory that was ever resident.", Gauge,
             StatusNumber(status, "VmHWM") * 1024),
      Single("process_threads", "Threads.", Gauge, StatusNumber(status, "Threads")),
      Single("process_open_fds", "Open file descriptors.", Gauge, OpenFileDescriptors()),
      Single("process_start_time_seconds", "When the process started, seconds since 1970.", Gauge,
             start_time),
  };
}

}  // namespace telemetry
