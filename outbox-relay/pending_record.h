// One event on its way from the stream into the sink, which may have no room for it, or wait for
// its topic.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PENDING_RECORD_H_
#define ORDER_SAGA_OUTBOX_RELAY_PENDING_RECORD_H_

#include <chrono>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "outbox-relay/parking/parking_lot.h"
#include "outbox-relay/sink/producer.h"
#include "outbox-relay/sink/record.h"
#include "outbox-relay/source/event.h"
#include "outbox-relay/source_metrics.h"
#include "outbox-relay/source_state.h"
#include "outbox-relay/topic_wait.h"

namespace relay {

// Not thread-safe; what it is given must outlive it. An event that Kafka refuses, or whose topic
// stays missing, ends in the parking lot.
class PendingRecord {
 public:
  using Clock = std::chrono::steady_clock;

  PendingRecord(std::string source_name, Producer& sink, ParkingLot& parking,
                SourceMetrics& metrics, SourceState& state);

  // As long as it waits nothing may be read from the stream: `event` is a view into what was read.
  bool waiting() const { return record_ != nullptr; }
  // For its topic, or for Kafka to say whether there is one.
  bool awaits_topic() const { return topic_wait_.waiting() && !awaits_room_; }
  // When to try again though nothing has happened.
  std::optional<Clock::time_point> due() const {
    return waiting() && awaits_topic() ? std::optional(topic_wait_.ask_again_at()) : std::nullopt;
  }

  // None may be waiting. `event` and what it refers to stay as they are until it waits no more.
  // An error: the sink has failed.
  absl::Status Send(const Event& event, StreamPosition at, Producer::Ticket ticket);
  // Of one that waits.
  absl::Status Retry();
  // It comes again, in another session.
  void Drop();

 private:
  void AwaitTopic();
  void EndWait();
  void Wait(const absl::Status& what_for);
  void Park(const PublishFailure& why);

  const std::string source_name_;
  Producer& sink_;
  ParkingLot& parking_;
  SourceMetrics& metrics_;
  SourceState& state_;
  RecordBuilder builder_;

  const Record* record_ = nullptr;  // the builder's; null: none waits
  const Event* event_ = nullptr;
  StreamPosition at_;
  Producer::Ticket ticket_ = 0;
  bool awaits_room_ = false;  // in the sink, which wakes the loop when there is some
  TopicWait topic_wait_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_PENDING_RECORD_H_
