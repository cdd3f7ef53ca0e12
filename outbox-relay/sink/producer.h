// Records into Kafka: an idempotent producer that keeps each partition's order without gaps.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SINK_PRODUCER_H_
#define ORDER_SAGA_OUTBOX_RELAY_SINK_PRODUCER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/kafka/config.h"
#include "outbox-relay/history/acked_offsets.h"
#include "outbox-relay/sink/publish_failure.h"
#include "outbox-relay/sink/record.h"

struct rd_kafka_topic_s;
struct rd_kafka_queue_s;

namespace relay {

struct ProducerOptions {
  kafka::Settings kafka;
  // Memory for events that Kafka has not acknowledged, in bytes, librdkafka's own included.
  // Overstepped by at most one event.
  size_t max_in_flight_bytes = 8 << 20;
  // Told how far each partition is written. Not owned; null: nobody wants to know.
  AckedOffsets* acked_offsets = nullptr;
};

// Used by one thread. Records are acknowledged by all in-sync replicas, and once one of a partition
// is refused nothing behind it goes out: this producer is then done, and everything from the last
// confirmed position on goes through another.
class Producer {
 public:
  using Ticket = uint64_t;  // the ledger's name for the event's transaction
  using OnDurable = absl::FunctionRef<void(Ticket)>;

  // Connects in the background. InvalidArgument names a wrong Kafka property.
  static absl::StatusOr<std::unique_ptr<Producer>> Create(const ProducerOptions& options);
  ~Producer();  // Drops what is not acknowledged.
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Readable when there is something to collect: ClearEvent, then Collect.
  int event_fd() const { return event_fd_; }
  void ClearEvent();

  // False: there is no room until some are acknowledged.
  bool HasRoom() const { return in_flight_bytes_ < max_in_flight_bytes_; }
  uint64_t in_flight_events() const { return in_flight_events_; }

  enum class Outcome { kTaken, kNoRoom, kTopicNotReady, kFailed };
  // Copies the record. After kFailed, failure() says why. After kTopicNotReady: AwaitTopic().
  Outcome Produce(const Record& record, Ticket ticket);

  // Asks the brokers about a topic, at most `timeout`; once that is OK, Produce() takes records for
  // it. (A record for a topic that nobody has seen could fail, and a later one of its key not.)
  // Unavailable: no broker answered. NotFound, PermissionDenied, InvalidArgument say the fix.
  absl::Status AwaitTopic(std::string_view topic, std::chrono::milliseconds timeout);

  // Calls `on_durable` for each event that was acknowledged since; does not wait.
  // False: failure() says why this producer is done.
  bool Collect(OnDurable on_durable);

  // Drops what is not acknowledged, collects the acknowledgements that are there, and waits for
  // librdkafka to let go, at most `timeout`. Nothing else may be called after it.
  void Abandon(OnDurable on_durable, std::chrono::milliseconds timeout);

  bool failed() const { return failure_.has_value(); }
  const PublishFailure& failure() const { return *failure_; }

 private:
  Producer() = default;
  struct Topic {
    rd_kafka_topic_s* handle = nullptr;  // null: no topic can have such a name
    bool ready = false;
  };
  Topic& FindTopic(std::string_view name);
  void Fail(PublishFailure failure);
  // False if there was nothing to collect.
  bool CollectOne(OnDurable on_durable, std::chrono::milliseconds timeout);

  rd_kafka_s* client_ = nullptr;
  rd_kafka_queue_s* queue_ = nullptr;
  int event_fd_ = -1;
  size_t max_in_flight_bytes_ = 0;
  AckedOffsets* acked_offsets_ = nullptr;
  size_t in_flight_bytes_ = 0;
  uint64_t in_flight_events_ = 0;
  absl::flat_hash_map<std::string, Topic> topics_;
  std::optional<PublishFailure> failure_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SINK_PRODUCER_H_
