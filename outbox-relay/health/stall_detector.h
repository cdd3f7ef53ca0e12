// Whether a source stands still without a reason.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HEALTH_STALL_DETECTOR_H_
#define ORDER_SAGA_OUTBOX_RELAY_HEALTH_STALL_DETECTOR_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "outbox-relay/source/lsn.h"

namespace relay {

// Pure: told what is seen and the time. A source that streams, has something to send, and moves
// neither its position nor its count of acknowledged events, is suspected; a reason that a restart
// would not mend, or any movement, ends the suspicion and starts the clock anew.
class StallDetector {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit StallDetector(std::chrono::milliseconds patience) : patience_(patience) {}

  struct Seen {
    bool streaming = false;  // no standby, not paused, nothing that it waits for
    bool postgres_answers = false;
    bool something_to_send = false;
    Lsn confirmed;
    uint64_t acknowledged_events = 0;
  };
  void Look(const Seen& seen, Time now) {
    const bool moved = seen.confirmed != confirmed_ || seen.acknowledged_events != acknowledged_;
    confirmed_ = seen.confirmed;
    acknowledged_ = seen.acknowledged_events;
    if (!seen.streaming || !seen.postgres_answers || !seen.something_to_send) {
      since_.reset();
    } else if (moved || !since_) {
      since_ = now;
    }
  }

  // Whether it is worth asking if Kafka answers: a third of the patience is gone.
  bool Suspects(Time now) const { return since_ && now - *since_ >= patience_ / 3; }
  void KafkaIsSilent(Time now) {
    if (since_) since_ = now;
  }

  bool Stalled(Time now) const { return since_ && now - *since_ >= patience_; }

 private:
  const std::chrono::milliseconds patience_;
  Lsn confirmed_;
  uint64_t acknowledged_ = 0;
  std::optional<Time> since_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HEALTH_STALL_DETECTOR_H_
