// A record that waits for its topic, and with it the stream:
// when to ask again, and when to complain.
#ifndef ORDER_SAGA_OUTBOX_RELAY_TOPIC_WAIT_H_
#define ORDER_SAGA_OUTBOX_RELAY_TOPIC_WAIT_H_

#include <chrono>
#include <optional>

#include "absl/status/status.h"
#include "libs/telemetry/log.h"
#include "outbox-relay/sink/publish_failure.h"

namespace relay {

// Pure, and not thread-safe.
class TopicWait {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // The brokers did not have it when they were asked last, or did not answer.
  bool waiting() const { return waiting_; }
  // While waiting: no earlier.
  Time ask_again_at() const { return ask_again_at_; }

  // The topic is not ready, for the reason in `answer`. Answers how loudly to say so, if it is
  // time: on a first start the relay may well be sooner than who creates the topics.
  std::optional<telemetry::Level> OnNotReady(const absl::Status& answer, Time now) {
    waiting_ = true;
    ask_again_at_ = now + std::chrono::seconds(1);
    if (now < complain_at_) return std::nullopt;
    const bool first = complain_at_ == Time{};
    complain_at_ = now + std::chrono::seconds(first ? 10 : 30);
    return first || PassesByItself(answer) ? telemetry::Level::kWarn : telemetry::Level::kError;
  }
  // The topic is there, or its record waits no longer.
  void End() { *this = TopicWait(); }

 private:
  bool waiting_ = false;
  Time ask_again_at_;
  Time complain_at_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_TOPIC_WAIT_H_
