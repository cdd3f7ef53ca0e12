#include "libs/service/runtime.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "libs/telemetry/check.h"
#include "libs/telemetry/metrics.h"

namespace service {
namespace {

// timeout(1) and others signal the process and its group, which is one wish and not two.
constexpr std::chrono::milliseconds kSameSignal(200);

using Clock = std::chrono::steady_clock;

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

struct Runtime::Impl {
  struct Failure {
    std::string component;
    absl::Status status;
  };

  Impl(const Flags& flags, RuntimeConfig config)
      : program(flags.program()),
        version(flags.version()),
        effective(flags.Effective()),
        config(std::move(config)),
        signals(signalfd(-1, &stop_signals, SFD_CLOEXEC | SFD_NONBLOCK)),
        failed(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    ORDER_SAGA_CHECK(signals >= 0 && failed >= 0, "signalfd, eventfd");
  }
  ~Impl() {
    close(signals);
    close(failed);
  }

  // Any thread.
  void Fail(std::string_view component, absl::Status status) {
    {
      const std::lock_guard lock(mutex);
      if (!failure.has_value()) failure = Failure{std::string(component), std::move(status)};
    }
    eventfd_write(failed, 1);
  }

  absl::Status Start(std::span<Component* const> components);
  void WaitForTheEnd();
  // False if something did not end in time.
  bool Drain(std::span<Component* const> components);
  void LogStart(std::span<Component* const> components) const;
  // Waits for a signal; for the thread that watches over the drain.
  static void ExitOnSecondSignal(int signals, int done);

  const std::string program;
  const std::string version;
  const std::vector<std::pair<std::string, std::string>> effective;
  const RuntimeConfig config;
  const sigset_t stop_signals = StopSignals();
  const int signals;
  const int failed;

  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  telemetry::HttpEndpoint http;
  std::atomic<bool> ready = false;
  std::vector<Component*> started;
  int signal_received = 0;

  std::mutex mutex;
  std::optional<Failure> failure;  // guarded by mutex
};

absl::Status Runtime::Impl::Start(std::span<Component* const> components) {
  if (absl::Status status = http.Start(config.http_address); !status.ok()) {
    return absl::Status(status.code(), "--http_address: " + std::string(status.message()));
  }
  for (Component* component : components) {
    absl::Status status = component->Start(
        [this, component](absl::Status why) { Fail(component->name(), std::move(why)); });
    if (!status.ok()) {
      return absl::Status(status.code(),
                          std::string(component->name()) + ": " + std::string(status.message()));
    }
    started.push_back(component);
  }
  ready = true;
  return absl::OkStatus();
}

void Runtime::Impl::WaitForTheEnd() {
  pollfd waiting[] = {{signals, POLLIN, 0}, {failed, POLLIN, 0}};
  while (poll(waiting, 2, -1) < 0 && errno == EINTR) {
  }
  signalfd_siginfo info{};
  if (read(signals, &info, sizeof info) == sizeof info) {
    signal_received = static_cast<int>(info.ssi_signo);
  }
}

void Runtime::Impl::ExitOnSecondSignal(int signals, int done) {
  signalfd_siginfo info{};
  // What has come with the first one, however late this thread gets to run.
  pollfd pending = {signals, POLLIN, 0};
  while (poll(&pending, 1, 0) > 0 && read(signals, &info, sizeof info) == sizeof info) {
  }
  const Clock::time_point begin = Clock::now();
  for (;;) {
    pollfd waiting[] = {{signals, POLLIN, 0}, {done, POLLIN, 0}};
    while (poll(waiting, 2, -1) < 0 && errno == EINTR) {
    }
    if ((waiting[0].revents & POLLIN) == 0) return;
    const bool is_read = read(signals, &info, sizeof info) == sizeof info;
    if (!is_read || Clock::now() - begin >= kSameSignal) break;
  }
  telemetry::Error("second signal: leaving at once");
  std::_Exit(1);
}

bool Runtime::Impl::Drain(std::span<Component* const> components) {
  ready = false;
  const Clock::time_point deadline = Clock::now() + config.drain_timeout;
  const int done = eventfd(0, EFD_CLOEXEC);
  std::thread watcher([this, done] { ExitOnSecondSignal(signals, done); });
  for (auto one = components.rbegin(); one != components.rend(); ++one) (*one)->BeginDrain();
  bool all = true;
  for (auto one = components.rbegin(); one != components.rend(); ++one) {
    const absl::Status status = (*one)->AwaitDrained(deadline);
    if (status.ok()) continue;
    all = false;
    telemetry::Error("not drained in time; see --drain_timeout_s",
                     {{"component", (*one)->name()}, {"error", std::string(status.message())}});
  }
  eventfd_write(done, 1);
  watcher.join();
  close(done);
  return all;
}

void Runtime::Impl::LogStart(std::span<Component* const> components) const {
  const std::string http_address = http.address();
  std::vector<std::string> addresses;
  for (const Component* component : components) addresses.push_back(component->address());
  std::vector<telemetry::Field> fields = {{"version", version}, {"listens_http", http_address}};
  std::vector<std::string> names;
  names.reserve(components.size() + effective.size());  // fields are views
  for (std::size_t i = 0; i < components.size(); ++i) {
    if (addresses[i].empty()) continue;
    names.push_back("listens_" + std::string(components[i]->name()));
    fields.emplace_back(names.back(), addresses[i]);
  }
  for (const auto& [name, value] : effective) {
    names.push_back("flag_" + name);
    fields.emplace_back(names.back(), value);
  }
  telemetry::Log(telemetry::Level::kInfo, "started", fields);
}

Runtime::Runtime(const Flags& flags, const RuntimeConfig& config) {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  InitLogging(flags, config);
  impl_ = std::make_unique<Impl>(flags, config);
  telemetry::AddBuildInfo(*impl_->registry, impl_->program, impl_->version);
  impl_->http.AddMetrics(impl_->registry);
  impl_->http.AddMetrics(std::make_shared<telemetry::ProcessMetrics>());
  impl_->http.AddReadinessCheck("running", [impl = impl_.get()] {
    return impl->ready ? absl::OkStatus() : absl::UnavailableError("starting or stopping");
  });
}

Runtime::~Runtime() = default;

prometheus::Registry& Runtime::metrics() { return *impl_->registry; }
telemetry::HttpEndpoint& Runtime::http() { return impl_->http; }

int Runtime::Run(std::span<Component* const> components) {
  const absl::Status started = impl_->Start(components);
  if (started.ok()) {
    if (telemetry::LogEnabled(telemetry::Level::kInfo)) impl_->LogStart(components);
    impl_->WaitForTheEnd();
  } else {
    telemetry::Error("cannot start", {{"error", std::string(started.message())}});
  }

  std::optional<Impl::Failure> failure;
  {
    const std::lock_guard lock(impl_->mutex);
    failure = impl_->failure;
  }
  if (failure.has_value()) {
    telemetry::Error(
        "a component failed; stopping",
        {{"component", failure->component}, {"error", std::string(failure->status.message())}});
  } else if (impl_->signal_received != 0) {
    telemetry::Info("stopping",
                    {{"signal", impl_->signal_received == SIGINT ? "SIGINT" : "SIGTERM"}});
  }
  const Clock::time_point begin = Clock::now();
  const bool drained = impl_->Drain(impl_->started);
  const int code = started.ok() && !failure.has_value() && drained ? 0 : 1;
  telemetry::Info("stopped",
                  {{"exit_code", code}, {"drain_s", telemetry::Seconds(Clock::now() - begin)}});
  // Threads that did not end may still use what our callers are about to destroy.
  if (!drained) std::_Exit(code);
  impl_->http.Stop();
  return code;
}

void AddLogFlags(Verb& verb, RuntimeConfig* config) {
  verb.Add(&config->log_level, {.name = "log_level",
                                .help = "The least important lines to write.",
                                .check = OneOf({"debug", "info", "warn", "error", "off"})});
  verb.Add(&config->log_format, {.name = "log_format",
                                 .help = "json for machines, text for people.",
                                 .check = OneOf({"json", "text"})});
}

void AddRuntimeFlags(Verb& verb, RuntimeConfig* config) {
  verb.Add(&config->http_address,
           {.name = "http_address",
            .help = "Where /metrics, /healthz and /readyz are. Port 0: any free one.",
            .check = IsHostPort()});
  verb.Add(&config->drain_timeout, {.name = "drain_timeout_s",
                                    .help = "After SIGTERM: seconds for what is under way to end.",
                                    .check = InRange(0, 3600)});
  AddLogFlags(verb, config);
}

void InitLogging(const Flags& flags, const RuntimeConfig& config) {
  telemetry::InitLogging(
      {.level = telemetry::ParseLevel(config.log_level).value_or(telemetry::Level::kInfo),
       .format = telemetry::ParseFormat(config.log_format).value_or(telemetry::Format::kText),
       .program = flags.program()});
}

}  // namespace service
