// Whether a partition stands still although its log goes on.
#ifndef ORDER_SAGA_LIBS_KAFKA_FETCH_STALL_H_
#define ORDER_SAGA_LIBS_KAFKA_FETCH_STALL_H_

#include <chrono>
#include <cstdint>
#include <optional>

namespace kafka {

// librdkafka can stop to fetch a partition for good after a broker was away, and says nothing
// (confluentinc/librdkafka#2625, #5153). Seen from outside: messages lie there, we wait for
// messages, and none of them comes. One detector for each partition of an assignment. Pure.
class FetchStall {
 public:
  using Duration = std::chrono::steady_clock::duration;
  using Time = std::chrono::steady_clock::time_point;

  struct Look {
    Time now;
    std::int64_t position = 0;  // behind the last message that was taken, or the log's end if it
                                // was reached; -1 if unknown
    std::int64_t end = 0;       // the offset of the next message at the broker
    Duration waited{0};  // how long, ever, this consumer has waited for messages: a busy one is
                         // not stalled
  };

  enum class Verdict {
    kCaughtUp,
    kMoving,
    kStanding,  // behind, and where it was, but not for long enough
    kStalled
  };

  Verdict OnLook(const Look& look, Duration patience);

 private:
  std::optional<Look> standing_;  // the first look of those with the same position
};

}  // namespace kafka

#endif  // ORDER_SAGA_LIBS_KAFKA_FETCH_STALL_H_
