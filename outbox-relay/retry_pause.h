// How long to wait between two sessions.
#ifndef ORDER_SAGA_OUTBOX_RELAY_RETRY_PAUSE_H_
#define ORDER_SAGA_OUTBOX_RELAY_RETRY_PAUSE_H_

#include <algorithm>
#include <chrono>

#include "outbox-relay/session_end.h"

namespace relay {

// Pure, and not thread-safe.
class RetryPause {
 public:
  // After a session that ended so; `progressed`: Kafka has acknowledged something in it, or since
  // the one before. Trouble that lasts is waited for longer and longer.
  std::chrono::milliseconds After(SessionEnd::Kind ended, bool progressed) {
    if (ended == SessionEnd::Kind::kPaused) return kPaused;
    if (ended == SessionEnd::Kind::kStandby) return kStandby;
    if (progressed) Reset();
    pause_ = std::clamp(pause_ * 2, kFirst, kLongest);
    return pause_;
  }
  // What has failed is dealt with.
  void Reset() { pause_ = std::chrono::milliseconds(0); }

 private:
  // Another relay that leaves is followed within a second.
  static constexpr std::chrono::milliseconds kStandby{1'000};
  static constexpr std::chrono::milliseconds kFirst{250}, kLongest{10'000};
  // While somebody has paused the source: what a resume may take.
  static constexpr std::chrono::milliseconds kPaused{250};

  std::chrono::milliseconds pause_{0};
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_RETRY_PAUSE_H_
