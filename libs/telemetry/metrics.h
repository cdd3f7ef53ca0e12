// How we use prometheus-cpp: one prometheus::Registry a program (service::Runtime owns it), handed
// to whoever counts something; families are made once, at construction:
//
//   prometheus::Counter& sagas = prometheus::BuildCounter().Name("saga_started_total")
//       .Help("Sagas begun.").Register(registry).Add({});
//
// Names: snake_case, a subsystem's prefix (outbox_, inbox_, saga_, grpc_server_), one base unit
// (_seconds, _bytes), _total on counters only, no ids in labels. A family that is registered twice
// with the same name and labels is the same family.
#ifndef ORDER_SAGA_LIBS_TELEMETRY_METRICS_H_
#define ORDER_SAGA_LIBS_TELEMETRY_METRICS_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/labels.h"
#include "prometheus/registry.h"

namespace telemetry {

// For everything that is a duration in seconds: 50 µs to 60 s, three buckets a decade.
const prometheus::Histogram::BucketBoundaries& LatencyBuckets();
// For sagas, which may wait for a person: 5 ms to 1 day.
const prometheus::Histogram::BucketBoundaries& LongBuckets();

double Seconds(std::chrono::nanoseconds duration);

// Observes the time since `start`.
void ObserveSince(prometheus::Histogram& histogram, std::chrono::steady_clock::time_point start);

// order_saga_build_info{program,version} = 1.
void AddBuildInfo(prometheus::Registry& registry, std::string_view program,
                  std::string_view version);

// A gauge whose values are asked for at each scrape, for what is cheap to read and dear to keep up
// to date. Hand it to HttpEndpoint::AddMetrics. `read` runs on the HTTP thread; no values: no
// lines.
class GaugeOnScrape : public prometheus::Collectable {
 public:
  using Samples = std::vector<std::pair<prometheus::Labels, double>>;

  GaugeOnScrape(std::string name, std::string help, std::function<Samples()> read);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  std::string name_;
  std::string help_;
  std::function<Samples()> read_;
};

// The process's own: process_cpu_seconds_total, process_resident_memory_bytes,
// process_peak_resident_memory_bytes, process_open_fds, process_threads,
// process_start_time_seconds.
class ProcessMetrics : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace telemetry

#endif  // ORDER_SAGA_LIBS_TELEMETRY_METRICS_H_
