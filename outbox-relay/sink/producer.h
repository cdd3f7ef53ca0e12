// Records into Kafka: an idempotent producer that keeps each partition's order without gaps.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SINK_PRODUCER_H_
#define ORDER_SAGA_OUTBOX_RELAY_SINK_PRODUCER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/kafka/config.h"
#include "outbox-relay/history/acked_offsets.h"
#include "outbox-relay/sink/introductions.h"
#include "outbox-relay/sink/publish_failure.h"
#include "outbox-relay/sink/record.h"
#include "outbox-relay/sink/transaction.h"

struct rd_kafka_topic_s;
struct rd_kafka_queue_s;

namespace relay {

struct ProducerOptions {
  kafka::Settings kafka;
  // Memory for events that Kafka has not acknowledged, in bytes, librdkafka's own included.
  // Overstepped by at most one event.
  size_t max_in_flight_bytes = 5 << 20;
  // Told how far each partition is written. Not owned; null: nobody wants to know.
  AckedOffsets* acked_offsets = nullptr;
  // Events travel in batches of at most so many bytes, or alone if they are larger. 1: all alone.
  // 0: as Kafka's property batch.size says, which is else a bound for this.
  size_t batch_bytes = 0;
  // Exactly-once mode: events are published in transactions of this id. Empty: without.
  std::string transactional_id;
};

// Used by one thread. Records are acknowledged by all in-sync replicas, and once one of a partition
// is refused nothing behind it goes out: this producer is then done, and everything from the last
// confirmed position on goes through another.
//
// With a transactional_id a record is durable once the transaction that it is in is committed.
// transaction()->ShutOutOthers() comes first; a transaction begins by itself, with the first
// record; who closes it calls Commit().
class Producer {
 public:
  // Whose event it is: the ledger's name for its transaction, or whatever else the caller counts
  // by. Less than kTickets, but for kReleased, which may be added.
  using Ticket = uint64_t;
  static constexpr Ticket kTickets = Ticket{1} << 47;
  static constexpr Ticket kReleased = Ticket{1} << 63;  // of a parked event
  static constexpr Ticket kPosition = 0;                // of what Commit() adds
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
  // Those of them whose tickets have kReleased.
  uint64_t in_flight_released() const { return in_flight_released_; }

  enum class Outcome { kTaken, kNoRoom, kTopicNotReady, kRefused, kFailed };
  // Copies the record. After kTopicNotReady: AwaitTopic(). After kRefused, refusal() says why this
  // record cannot be sent; the others can. After kFailed, failure() says why this producer is done.
  Outcome Produce(const Record& record, Ticket ticket);

  // Asks the brokers about a topic, and about its limits, at most `timeout` each; once that is OK,
  // Produce() takes records for it. (A record for a topic that nobody has seen could fail, and a
  // later one of its key not.) Unavailable: no broker answered. FailedPrecondition: it takes none
  // for now, which passes. NotFound, PermissionDenied, InvalidArgument say the fix. For all but
  // Unavailable refusal() is the same in parts.
  absl::Status AwaitTopic(std::string_view topic, std::chrono::milliseconds timeout);

  // Null without a transactional_id.
  Transaction* transaction() { return transaction_ ? &*transaction_ : nullptr; }
  // Ends the open transaction, of which nothing may be in flight; `key` and `value` go into it as a
  // last record of partition 0 of `topic`, which must be there, unless `topic` is empty. Does not
  // wait: Collect() tells.
  void Commit(const std::string& topic, std::string_view key, std::string_view value);

  // Whether the record's partition has a leader, as of a second ago at most: what is given to one
  // without is on its way until it has. FailedPrecondition: it has none. Waits at most `timeout`
  // for an answer: Unavailable, if there is none; of a topic that Produce() would call not ready,
  // or that is gone, as AwaitTopic.
  absl::Status CheckLeader(const Record& record, std::chrono::milliseconds timeout);

  const PublishFailure& refusal() const { return refusal_; }
  // Ends this producer for what it has refused by itself.
  void GiveUp() { Fail(refusal_); }

  // Calls `on_durable` for each event that was acknowledged since; does not wait.
  // False: failure() says why this producer is done.
  bool Collect(OnDurable on_durable);

  // Drops what was not sent or is to be sent again, waits a moment for the answers to what was
  // (what has none by then may be at Kafka or not), and then for librdkafka to let go, at most
  // `timeout` (after AwaitName). Nothing else may be called after it.
  void Abandon(OnDurable on_durable, std::chrono::milliseconds timeout);

  // What batch_bytes came to.
  size_t batch_bytes() const { return batch_bytes_; }

  bool failed() const { return failure_.has_value(); }
  const PublishFailure& failure() const { return *failure_; }
  // Which event was refused is said a little later than that one was: waits for it, 300 ms at most.
  void AwaitName(OnDurable on_durable);

 private:
  Producer() = default;
  struct Topic {
    rd_kafka_topic_s* handle = nullptr;  // null: no topic can have such a name
    bool ready = false;
    Introductions introductions;
    uint32_t next_keyless = 0;        // goes round the partitions
    std::vector<int32_t> leaderless;  // as of leaders_asked_at
    std::chrono::steady_clock::time_point leaders_asked_at;
    // The largest batch that it takes, compressed.
    size_t max_message_bytes = 0;
    std::chrono::steady_clock::time_point asked_at;
  };
  absl::Status Connect();
  void Disconnect();
  Topic& FindTopic(std::string_view name);
  static int32_t ChoosePartition(Topic& topic, const Record& record);
  // Whether the topic may be given a record of this size now; kTaken: it may.
  Outcome Admit(Topic& topic, const Record& record, size_t bytes);
  Outcome Send(Topic& topic, const Record& record, int32_t partition, Ticket ticket,
               size_t header_bytes, size_t bytes);
  void Fail(PublishFailure failure);
  // False if there was nothing to collect.
  bool CollectOne(OnDurable on_durable, std::chrono::milliseconds timeout);

  kafka::Settings settings_;
  rd_kafka_s* client_ = nullptr;
  rd_kafka_queue_s* queue_ = nullptr;
  int event_fd_ = -1;
  std::string transactional_id_;
  std::optional<Transaction> transaction_;
  size_t max_in_flight_bytes_ = 0;
  AckedOffsets* acked_offsets_ = nullptr;
  size_t batch_bytes_ = 0;
  size_t in_flight_bytes_ = 0;
  uint64_t in_flight_events_ = 0;
  uint64_t in_flight_released_ = 0;
  bool compresses_ = true;
  uint64_t introductions_ = 0;                 // under way
  std::chrono::steady_clock::time_point now_;  // of the last Collect
  // An event that may be too large is on its way, or in exactly-once mode any while events go
  // alone: nothing follows until it is known. A broker takes
  // a producer's second batch for a partition, but for no good reason the first, if it has not seen
  // that producer there before: gapless is not enough.
  bool holding_ = false;
  absl::flat_hash_map<std::string, Topic> topics_;
  bool abandoned_ = false;
  std::optional<PublishFailure> failure_;
  PublishFailure refusal_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SINK_PRODUCER_H_
