#include "libs/telemetry/http_endpoint.h"

#include <httplib.h>
#include <sys/socket.h>

#include <chrono>
#include <mutex>
#include <optional>
#include <sstream>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/telemetry/check.h"
#include "libs/telemetry/host_port.h"
#include "libs/waiting/until_stop.h"
#include "prometheus/text_serializer.h"

namespace telemetry {
namespace {

// A connection holds a thread until it is done: a scrape, a few probes, and strangers that send
// their request slowly. Idle threads cost little. More connections wait in the socket's queue.
constexpr int kThreads = 32;
constexpr std::chrono::seconds kHangs{3};
// While metrics are asked for, readiness is asked this often, so that it can be exported.
constexpr std::chrono::seconds kAskReadinessEvery{5};

}  // namespace

struct HttpEndpoint::Impl {
  struct NamedCheck {
    std::string name;
    Check check;
  };

  // Copies under the lock, so that a slow check or scrape holds nobody up.
  template <typename T>
  std::vector<T> Copy(const std::vector<T>& list) {
    const std::lock_guard lock(mutex);
    return list;
  }

  struct Answer {
    int status = 503;
    std::string body = "failed readiness: the first check has not answered yet\n";
    std::vector<std::pair<std::string, bool>> checks = {};
  };

  Answer Ask(const std::vector<NamedCheck>& list) {
    bool all_ok = true;
    std::string body;
    std::vector<std::pair<std::string, bool>> checks;
    for (const NamedCheck& named : Copy(list)) {
      const absl::Status status = named.check();
      all_ok = all_ok && status.ok();
      checks.emplace_back(named.name, status.ok());
      absl::StrAppend(&body, status.ok() ? "ok " : "failed ", named.name,
                      status.ok() ? "" : absl::StrCat(": ", status.message()), "\n");
    }
    if (body.empty()) body = "ok\n";
    return {all_ok ? 200 : 503, std::move(body), std::move(checks)};
  }

  // A database that hangs shall hold one thread, not one for each probe.
  Answer AskReadiness() {
    const std::unique_lock asking(readiness_mutex, std::try_to_lock);
    if (!asking.owns_lock()) {
      const std::lock_guard lock(mutex);
      const auto waited = std::chrono::steady_clock::now() - readiness_asked;
      if (waited < kHangs) return last_readiness;
      return {503, "failed readiness: a check does not answer\n"};
    }
    {
      const std::lock_guard lock(mutex);
      readiness_asked = std::chrono::steady_clock::now();
      readiness_runs = true;
    }
    Answer answer = Ask(readiness);
    const std::lock_guard lock(mutex);
    readiness_runs = false;
    return last_readiness = std::move(answer);
  }

  // What the last round of checks has found; a round that hangs makes all of them fail.
  prometheus::MetricFamily Readiness() {
    prometheus::MetricFamily family{"order_saga_ready",
                                    "1 if the check of /readyz was OK some seconds ago, else 0.",
                                    prometheus::MetricType::Gauge,
                                    {}};
    const std::lock_guard lock(mutex);
    const bool hangs =
        readiness_runs && std::chrono::steady_clock::now() - readiness_asked >= kHangs;
    for (const auto& [name, ok] : last_readiness.checks) {
      prometheus::ClientMetric metric;
      metric.label.push_back({"check", name});
      metric.gauge.value = ok && !hangs ? 1 : 0;
      family.metric.push_back(std::move(metric));
    }
    return family;
  }

  void KeepAsking() {
    const std::lock_guard lock(mutex);
    if (asker.joinable() || stopped) return;
    asker = std::jthread([this](std::stop_token stop) {
      while (!stop.stop_requested()) {
        AskReadiness();
        waiting::UntilStop(stop, kAskReadinessEvery);
      }
    });
  }

  void StopAsking() {
    std::jthread last;
    {
      const std::lock_guard lock(mutex);
      stopped = true;
      last = std::move(asker);
    }
  }

  static void Send(const Answer& answer, httplib::Response& response) {
    response.status = answer.status;
    response.set_content(answer.body, "text/plain; charset=utf-8");
  }

  void AnswerMetrics(httplib::Response& response) {
    KeepAsking();
    std::vector<prometheus::MetricFamily> families;
    prometheus::MetricFamily ready = Readiness();
    if (!ready.metric.empty()) families.push_back(std::move(ready));
    for (const auto& source : Copy(metrics)) {
      for (prometheus::MetricFamily& family : source->Collect()) {
        families.push_back(std::move(family));
      }
    }
    std::ostringstream text;
    prometheus::TextSerializer().Serialize(text, families);
    response.set_content(text.str(), "text/plain; version=0.0.4; charset=utf-8");
  }

  void Configure() {
    server->Get("/metrics", [this](const auto&, auto& response) { AnswerMetrics(response); });
    server->Get("/healthz", [this](const auto&, auto& response) { Send(Ask(liveness), response); });
    server->Get("/readyz", [this](const auto&, auto& response) { Send(AskReadiness(), response); });
    server->Get("/", [](const auto&, auto& response) {
      response.set_content("/metrics\n/healthz\n/readyz\n", "text/plain");
    });
    // httplib's default is SO_REUSEPORT, with which a second program would silently share the port.
    server->set_socket_options([](int fd) {
      const int yes = 1;
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    // No idle connections, and slow ones not for long. These are for each read and write: a
    // stranger who sends byte after byte is only bounded by kThreads, so the address is for one's
    // own network.
    server->set_keep_alive_max_count(1);
    server->set_keep_alive_timeout(1);  // until the request's first byte
    server->set_read_timeout(1);
    server->set_write_timeout(5);
    server->set_payload_max_length(1024);
  }

  std::mutex mutex;
  std::vector<std::shared_ptr<const prometheus::Collectable>> metrics;  // guarded by mutex
  std::vector<NamedCheck> liveness;                                     // guarded by mutex
  std::vector<NamedCheck> readiness;                                    // guarded by mutex
  std::string listens_on;                                               // guarded by mutex
  Answer last_readiness;                                                // guarded by mutex
  std::chrono::steady_clock::time_point readiness_asked;                // guarded by mutex
  bool readiness_runs = false;                                          // guarded by mutex
  bool stopped = false;                                                 // guarded by mutex
  std::jthread asker;                                                   // guarded by mutex

  std::mutex readiness_mutex;  // held while the checks run; taken first

  std::optional<httplib::Server> server;
  std::thread thread;
};

HttpEndpoint::HttpEndpoint() : impl_(std::make_unique<Impl>()) {}

HttpEndpoint::~HttpEndpoint() { Stop(); }

void HttpEndpoint::AddMetrics(std::shared_ptr<const prometheus::Collectable> metrics) {
  const std::lock_guard lock(impl_->mutex);
  impl_->metrics.push_back(std::move(metrics));
}

void HttpEndpoint::AddLivenessCheck(std::string name, Check check) {
  const std::lock_guard lock(impl_->mutex);
  impl_->liveness.push_back({std::move(name), std::move(check)});
}

void HttpEndpoint::AddReadinessCheck(std::string name, Check check) {
  const std::lock_guard lock(impl_->mutex);
  impl_->readiness.push_back({std::move(name), std::move(check)});
}

absl::Status HttpEndpoint::Start(const std::string& address) {
  ORDER_SAGA_CHECK(!impl_->thread.joinable(), "an HTTP endpoint is started once");
  absl::StatusOr<HostPort> where = ParseHostPort(address);
  if (!where.ok()) return where.status();

  impl_->server.emplace();
  impl_->Configure();
  if (where->port == 0) {
    const int port = impl_->server->bind_to_any_port(where->host);
    where->port = port > 0 ? static_cast<std::uint16_t>(port) : 0;
  } else if (!impl_->server->bind_to_port(where->host, where->port)) {
    where->port = 0;
  }
  if (where->port == 0) {
    // httplib does not say why, so the kernel is asked once more.
    const absl::Status why = CheckCanListen(*ParseHostPort(address));
    return !why.ok() ? why
                     : absl::FailedPreconditionError(absl::StrCat("cannot listen on ", address));
  }
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->listens_on = where->ToString();
  }
  impl_->thread = std::thread([server = &*impl_->server] { server->listen_after_bind(); });
  // stop() does nothing before the server runs.
  while (!impl_->server->is_running()) std::this_thread::yield();
  return absl::OkStatus();
}

std::string HttpEndpoint::address() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->listens_on;
}

void HttpEndpoint::Stop() {
  if (!impl_->thread.joinable()) return;
  impl_->server->stop();
  impl_->thread.join();
  impl_->StopAsking();
}

}  // namespace telemetry
