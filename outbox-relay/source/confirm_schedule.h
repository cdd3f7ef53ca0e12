// When to tell Postgres what is confirmed, and when to see that it wants to stop.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_CONFIRM_SCHEDULE_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_CONFIRM_SCHEDULE_H_

#include <algorithm>
#include <chrono>
#include <optional>

#include "outbox-relay/source/lsn.h"

namespace relay {

// A new position goes out at once after a quiet time, else ten times a second; an answer that the
// server wants, at once; and a sign of life before the server would miss it, whatever
// stands still. Pure: told the time.
class ConfirmSchedule {
 public:
  using Time = std::chrono::steady_clock::time_point;

  ConfirmSchedule(std::chrono::milliseconds wal_sender_timeout, Time now)
      : heartbeat_(std::min(std::chrono::milliseconds(1000), wal_sender_timeout / 3)), sent_(now) {}

  void WantReply() { reply_wanted_ = true; }

  // When the next update is due, for a position `confirmed` that can be told.
  Time Due(Lsn confirmed) const {
    if (reply_wanted_) return sent_ + kReplyGap;
    if (confirmed > told_) return sent_ + kGap;
    return sent_ + heartbeat_;
  }

  void Sent(Lsn confirmed, Time now) {
    told_ = std::max(told_, confirmed);
    sent_ = now;
    reply_wanted_ = false;
  }

 private:
  static constexpr std::chrono::milliseconds kGap{100};
  // A stopping server asks again as soon as it is answered.
  static constexpr std::chrono::milliseconds kReplyGap{10};

  const std::chrono::milliseconds heartbeat_;
  Time sent_;
  Lsn told_;
  bool reply_wanted_ = false;
};

// A server that is stopping waits for its replication clients to confirm everything, and asks them
// over and over. What is not acknowledged by then (Kafka may be down) must not hold it up.
class StopDetector {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // True: close the connection and come back later. `all_acked`: Kafka has everything that was
  // received, so that waiting brings nothing (what is left to confirm is not on record, and the
  // server takes no record any more).
  bool OnKeepalive(Lsn wal_end, bool wants_reply, bool all_acked, Time now) {
    if (!wants_reply) {
      asked_since_.reset();
      return false;
    }
    // Lone questions, after the process was suspended for a while, do not add up.
    if (!asked_since_ || wal_end != wal_end_ || now - asked_last_ > kTogether) {
      asked_since_ = now;
      wal_end_ = wal_end;
    }
    asked_last_ = now;
    return now - *asked_since_ >= (all_acked ? kShortPatience : kPatience);
  }
  void OnData() { asked_since_.reset(); }

 private:
  static constexpr std::chrono::milliseconds kPatience{2'000}, kShortPatience{250};
  static constexpr std::chrono::seconds kTogether{1};
  std::optional<Time> asked_since_;
  Time asked_last_;
  Lsn wal_end_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_CONFIRM_SCHEDULE_H_
