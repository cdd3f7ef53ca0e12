// A gRPC listener as a component: limits, health, reflection, metrics, drain. Calls that wait
// use the callback API (CallbackServerContext, ServerUnaryReactor, ServerWriteReactor).
//
//   service::GrpcServer calls("grpc", {.address = config.grpc_address}, runtime.metrics());
//   calls.Add(order::v1::OrderService::service_full_name(), &order_service);
#ifndef ORDER_SAGA_LIBS_SERVICE_GRPC_SERVER_H_
#define ORDER_SAGA_LIBS_SERVICE_GRPC_SERVER_H_

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "libs/service/component.h"
#include "prometheus/registry.h"

namespace grpc {
class Service;
}

namespace service {

// Debian's gRPC (1.51) lacks later security patches, hence limits on everything a stranger can
// make grow. What goes beyond them is refused by gRPC itself.
struct GrpcLimits {
  int max_metadata_bytes = 8 << 10;
  // More than the largest request that is valid: an order of 1,000 products has 17 KB, and no text
  // is longer than 2,000 bytes. gRPC reads a message whole before anybody can refuse it.
  int max_receive_message_bytes = 64 << 10;
  int max_send_message_bytes = 16 << 20;
  // On one connection; further calls wait in the client.
  int max_concurrent_streams = 256;
  // All connections together, in buffers.
  std::size_t max_buffer_bytes = 64 << 20;
  // For calls of the synchronous API, one each; what comes beyond is RESOURCE_EXHAUSTED.
  int max_threads = 64;
  std::chrono::milliseconds max_connection_idle = std::chrono::minutes(15);
  // A connection that old is asked to go (clients reconnect by themselves) and its calls get
  // `grace` to end; long streams must be able to resume.
  std::chrono::milliseconds max_connection_age = std::chrono::minutes(30);
  // Longer than any call of ours waits.
  static constexpr std::chrono::seconds kGrace{70};
  std::chrono::milliseconds max_connection_age_grace = kGrace;
  // Clients that ping more often than that twice get GOAWAY too_many_pings.
  std::chrono::milliseconds min_ping_interval = std::chrono::seconds(10);
  int max_ping_strikes = 2;
  // We ping silent clients, and cut those that do not answer.
  std::chrono::milliseconds keepalive_time = std::chrono::seconds(60);
  std::chrono::milliseconds keepalive_timeout = std::chrono::seconds(10);
};

struct GrpcServerOptions {
  // "HOST:PORT"; port 0: any free one.
  std::string address = "127.0.0.1:0";
  GrpcLimits limits;
};

class GrpcServer : public Component {
 public:
  // `name` for logs. The registry must outlive the server.
  GrpcServer(std::string name, GrpcServerOptions options, prometheus::Registry& metrics);
  ~GrpcServer() override;

  // Before Start. `full_name` is the generated service_full_name(); the service is not owned.
  void Add(std::string_view full_name, grpc::Service* service);

  std::string_view name() const override;
  // FAILED_PRECONDITION names an address that cannot be listened on, and why.
  absl::Status Start(OnFailure on_failure) override;
  // Health says NOT_SERVING for every service. Calls are still taken, so that nobody is refused
  // before the news is around.
  void BeginDrain() override;
  // Takes no more calls and waits for those that run; what still runs at the deadline is cancelled.
  // Streams that never end by themselves must be ended by their owner: a component listed after
  // this one, whose drain comes first. A client that keeps Health.Watch open has no owner here, so
  // with one the drain takes its full time.
  absl::Status AwaitDrained(Deadline deadline) override;
  std::string address() const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace service

#endif  // ORDER_SAGA_LIBS_SERVICE_GRPC_SERVER_H_
