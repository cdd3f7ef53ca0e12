// Where events go that cannot be published: from the stream into the source's own database, and
// back to Kafka once they are released.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKING_LOT_H_
#define ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKING_LOT_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "outbox-relay/ledger/ledger.h"
#include "outbox-relay/parking/park_batch.h"
#include "outbox-relay/parking/parked_at_start.h"
#include "outbox-relay/parking/parked_keys.h"
#include "outbox-relay/parking/parked_table.h"
#include "outbox-relay/parking/release.h"
#include "outbox-relay/parking/sole_relay.h"
#include "outbox-relay/parking/statement.h"
#include "outbox-relay/parking/topic_watch.h"
#include "outbox-relay/sink/producer.h"
#include "outbox-relay/source/event.h"
#include "outbox-relay/source_metrics.h"

namespace relay {

struct ParkingOptions {
  std::string source_name;
  std::string conninfo;
  // How long the stream waits for a topic that does not exist.
  std::chrono::seconds missing_topic_wait{0};
  // So many keys are parked one by one, as each takes memory; then whole topics: see ParkedKeys.
  size_t most_keys = 100'000;
  // From which age on parked keys are warned of, once an hour.
  std::chrono::hours warn_age{72};
};

struct ParkingSession {
  std::string system_id;
  parked::SlotHolder holder;  // how the slot is known to be ours
  // Ids of released events that were published, and only have to be removed.
  std::vector<std::string> at_kafka = {};
};

// Used by one thread at a time. Memory: two batches of a MiB and an event, what is being released
// (a MiB), the parked keys (see ParkedKeys), and the ids of what was given up and may come by.
class ParkingLot {
 public:
  using Clock = std::chrono::steady_clock;

  // `ledger` and `metrics` must outlive it.
  ParkingLot(ParkingOptions options, Ledger& ledger, SourceMetrics& metrics);

  // At a session's start, when the slot is ours: connects, shuts out other relays, and reads what
  // is parked. Waits. May not be unsettled(). Unavailable: the slot is another's by now, or not the
  // one that was judged.
  absl::Status Load(const ParkingSession& session);
  // Another relay has the slot.
  void Standby();
  // False: the database has no tables for it (the migration is missing). Then a refused event stops
  // the source.
  bool available() const { return statement_.has_value(); }
  // All that an event costs as long as nothing is parked.
  bool any() const { return keys_.decides(); }
  // Takes the event if it may not be published, and answers whether it did. It counts as durable
  // for the ledger once it is in the table (or at once, if an operator has given it up).
  bool Take(const Event& event, StreamPosition at, Ledger::Ticket ticket);
  // Takes an event that cannot be published; its key is parked from here on.
  void TakePoison(const Event& event, StreamPosition at, Ledger::Ticket ticket,
                  const PublishFailure& why);

  // The topic of the stream's next event does not exist (Kafka's word, not silence): true once it
  // was waited for long enough. What is parked then is released by itself once the topic is there.
  bool MissingLongEnough(std::string_view topic, Clock::time_point now);
  // It is there, or its event is parked, or comes again.
  void EndTopicWait();

  // No more may be read from the stream for now.
  bool full() const { return filling_.full() || release_.holds_stream(so_far_.taken); }
  // And before Kafka has what is released it will not be.
  bool awaits_kafka() const { return release_.all_given() && release_.holds_stream(so_far_.taken); }
  // For poll(2), for reading. -1: none.
  int fd() { return statement_ ? statement_->fd() : -1; }
  // When Work is worth calling though nothing has happened.
  std::optional<Clock::time_point> due() const;

  // What can be done without waiting; what is released is given to the sink only if it may.
  // Unavailable and others: the session must end. Aborted and must_start_over(): somebody else has
  // changed what is parked.
  absl::Status Work(Producer& sink, bool may_release, Clock::time_point now);
  bool must_start_over() const { return must_start_over_; }

  // Of a record with Producer::kReleased.
  void OnPublished(Producer::Ticket ticket) { release_.OnPublished(ticket); }
  bool publishing() const { return release_.publishing(); }
  // Keys are released, and nothing is in their way.
  bool releasing() const { return !release_.idle() || (passed_ && release_.due_to_ask()); }
  // For the next Load(): ids of released events that were given to the sink, and may still be in
  // the table.
  const std::vector<std::string>& given() const { return release_.given(); }

  // A stop: begins nothing more with what is released. What Kafka has leaves the table, so that it
  // does not come again; then at_rest().
  void WindUp() { release_.WindUp(); }
  bool at_rest() const { return release_.at_rest(); }

  // The stream has ended, and no record of it waits.
  void OnSessionEnd();
  // Something is on its way between the stream, the table and Kafka. Once the session has ended it
  // is not known what became of it, and another relay may do the same: Forget().
  bool unsettled() const { return !filling_.empty() || !sent_.empty() || !release_.idle(); }
  // The ledger and the producer begin anew: forgets what was not written yet, it comes again.
  void Forget();
  // After Forget: this event has cost the producer, and its key is to be parked when it comes
  // again. Written by the next Load or WriteWhatIsKnown; until then a relay that takes over finds
  // out by itself.
  void PutOnList(const PublishFailure& failure);
  // Another relay has had the slot since: what it has made of those events counts.
  void ForgetList() { to_list_.clear(); }
  // What the table does not say yet of what Kafka took and refused.
  absl::Status WriteWhatIsKnown(postgres::Connection& connection);

 private:
  enum class Running { kNothing, kOpen, kInsert, kRelease, kReleaseTopics };

  absl::Status OnAnswer(postgres::Result result);
  absl::Status OnOpened(const postgres::Result& result);
  void OnInserted(const postgres::Result& result);
  absl::Status StartNext();
  // Whether nothing that is parked comes by again.
  bool MayRelease();
  absl::Status Start(Running what, const parked::Query& query);
  void LookAtTopics(Producer& sink, Clock::time_point now);
  void OnTopicThere(const std::string& topic);
  void CountMetrics();
  // Looks at each key.
  void AgeMetrics();

  const ParkingOptions options_;
  Ledger& ledger_;
  SourceMetrics& metrics_;
  std::string system_id_;
  int walsender_pid_ = 0;  // which is still the slot's holder when a key is parked

  std::optional<Statement> statement_;
  Running running_ = Running::kNothing;
  bool release_next_ = false;  // whose turn it is
  bool must_start_over_ = false;
  bool warned_unavailable_ = false;

  ParkedKeys keys_;
  ParkBatch filling_;
  ParkBatch sent_;  // until the database has it
  Release release_;
  std::vector<PublishFailure> to_list_;
  std::vector<std::string> at_kafka_;  // released, and not to be held or dropped any more
  int64_t events_ = 0;                 // in the table
  Lsn release_from_;  // what the stream has to pass, so that nothing that is parked comes again
  bool passed_ = false;
  Release::ParkedSoFar so_far_;
  TopicWatch topics_;
  std::vector<std::string> found_topics_;  // whose keys are to be released

  Clock::time_point look_at_;  // when to look for notifications again
  Clock::time_point look_at_topics_at_;
  Clock::time_point warn_at_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKING_LOT_H_
