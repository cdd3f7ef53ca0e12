// The HTTP side of a program, for Prometheus and Kubernetes:
//   /metrics  Prometheus text
//   /healthz  200 as long as the process is sane (liveness; never asks the database or Kafka)
//   /readyz   200 if it may be given work (readiness), else 503
// The last two answer one line for each check: "ok NAME" or "failed NAME: why".
#ifndef ORDER_SAGA_LIBS_TELEMETRY_HTTP_ENDPOINT_H_
#define ORDER_SAGA_LIBS_TELEMETRY_HTTP_ENDPOINT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "prometheus/collectable.h"

namespace telemetry {

class HttpEndpoint {
 public:
  // Called on an HTTP thread; must answer within milliseconds. Readiness checks are called by one
  // thread at a time: who asks meanwhile gets the last answers, and, once a check has not answered
  // for 3 s, that this is so. Liveness checks may be called by several at once.
  using Check = std::function<absl::Status()>;

  HttpEndpoint();
  ~HttpEndpoint();  // Stops.
  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;

  // Thread safe, before and after Start. A check or a metric source lives until the endpoint ends.
  void AddMetrics(std::shared_ptr<const prometheus::Collectable> metrics);
  void AddLivenessCheck(std::string name, Check check);
  // Once somebody has asked for metrics, each check is also exported, as order_saga_ready{check},
  // as it was some seconds ago: a scrape waits for no check.
  void AddReadinessCheck(std::string name, Check check);

  // Listens on "HOST:PORT" (port 0: any free one) and serves from its own few threads.
  // FAILED_PRECONDITION names an address that cannot be listened on, and why.
  absl::Status Start(const std::string& address);

  // Where it listens, with the actual port; empty before Start.
  std::string address() const;

  // Ends open requests and the threads. Idempotent.
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace telemetry

#endif  // ORDER_SAGA_LIBS_TELEMETRY_HTTP_ENDPOINT_H_
