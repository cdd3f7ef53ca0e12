// A part of a program with a life of its own: a gRPC listener, a Kafka door, a timer loop.
#ifndef ORDER_SAGA_LIBS_SERVICE_COMPONENT_H_
#define ORDER_SAGA_LIBS_SERVICE_COMPONENT_H_

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace service {

class Component {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  // Thread safe, does not wait. The first call brings the program down: drain, exit 1. Valid until
  // the component is drained.
  using OnFailure = std::function<void(absl::Status)>;

  virtual ~Component() = default;

  // For logs: "grpc", "replies".
  virtual std::string_view name() const = 0;

  // Returns once it works by itself. It does not wait for a database or a broker that is down; a
  // taken port or a wrong setting is an error.
  virtual absl::Status Start(OnFailure on_failure) = 0;

  // Takes no new work from here on. Returns at once.
  virtual void BeginDrain() = 0;

  // Waits until the work it had taken is done and its threads have ended. DEADLINE_EXCEEDED if
  // that was not so at the deadline; its threads may then still run, and the program exits hard.
  virtual absl::Status AwaitDrained(Deadline deadline) = 0;

  // Where it listens, with the actual port; empty if nowhere.
  virtual std::string address() const { return {}; }
};

}  // namespace service

#endif  // ORDER_SAGA_LIBS_SERVICE_COMPONENT_H_
