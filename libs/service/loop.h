// A component that is one function on one thread: most doors and timers.
//
//   service::Loop replies("replies", [&](std::stop_token stop) { return door.Run(stop); });
#ifndef ORDER_SAGA_LIBS_SERVICE_LOOP_H_
#define ORDER_SAGA_LIBS_SERVICE_LOOP_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "libs/service/component.h"

namespace service {

class Loop : public Component {
 public:
  // Runs until a stop is requested, then finishes what it has in hand and returns (its status is
  // ignored then). Returning before that, even with OK, is a failure of the program. A function
  // that sleeps in a foreign call wakes it with a std::stop_callback.
  using Function = std::function<absl::Status(std::stop_token)>;

  Loop(std::string name, Function run);
  ~Loop() override;

  std::string_view name() const override;
  absl::Status Start(OnFailure on_failure) override;
  void BeginDrain() override;
  absl::Status AwaitDrained(Deadline deadline) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace service

#endif  // ORDER_SAGA_LIBS_SERVICE_LOOP_H_
