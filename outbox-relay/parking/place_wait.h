// An event that Kafka refuses while no more keys may be parked waits for a place, and the stream
// with it.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PARKING_PLACE_WAIT_H_
#define ORDER_SAGA_OUTBOX_RELAY_PARKING_PLACE_WAIT_H_

#include <chrono>
#include <optional>

#include "outbox-relay/parking/parked_keys.h"

namespace relay {

// Pure, and not thread-safe.
class PlaceWait {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // The event at `at` finds no place. Answers whether it is the first time that this one does.
  bool Begin(StreamPosition at, Time now) {
    const bool is_new = at_ != at;
    if (is_new || MayTryAgain(now)) since_ = now;
    at_ = at;
    return is_new;
  }
  void End() { at_.reset(); }

  // Of the event that waits.
  const std::optional<StreamPosition>& at() const { return at_; }
  // What Kafka refused it for may have been put right: nothing else would tell.
  bool MayTryAgain(Time now) const { return at_ && now - since_ >= kTryAgain; }

 private:
  // A try may cost a producer and a session.
  static constexpr std::chrono::minutes kTryAgain{1};

  std::optional<StreamPosition> at_;
  Time since_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_PARKING_PLACE_WAIT_H_
