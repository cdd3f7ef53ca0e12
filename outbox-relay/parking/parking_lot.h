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
#include "outbox-relay/parking/place_wait.h"
#include "outbox-relay/parking/release.h"
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
  // As many keys may be parked at a time: each takes memory.
  size_t most_keys = 100'000;
  // From which age on parked keys are warned of, once an hour.
  std::chrono::hours warn_age{72};
};

struct ParkingSession {
  std::string system_id;
  Lsn flushed;                // the end of the server's log
  parked::SlotHolder holder;  // how the slot is known to be ours
  // Ids of events that were published, and only have to be removed.
  std::vector<std::string> released = {};
};

// Used by one thread at a time; lives as long as the ledger and the producer do, over sessions:
// what waits in it is not sent again by Postgres. Memory: two batches of a MiB and an event, what
// is being released (a MiB), and the parked keys (see ParkedKeys).
class ParkingLot {
 public:
  using Clock = std::chrono::steady_clock;

  // `ledger` and `metrics` must outlive it.
  ParkingLot(ParkingOptions options, Ledger& ledger, SourceMetrics& metrics);

  // At a session's start, when the slot is ours: connects, shuts out other relays, and reads what
  // is parked. Waits. Unavailable: the slot is another's by now, or not the one that was judged.
  absl::Status Load(const ParkingSession& session);
  // Another relay has the slot.
  void Standby();
  // False: the database has no tables for it (the migration is missing). Then a refused event stops
  // the source.
  bool available() const { return statement_.has_value(); }
  // False: no further key may be parked, so that an event of this one that Kafka refuses has to
  // wait, and the stream with it.
  bool HasPlaceFor(std::string_view topic, const std::optional<std::string_view>& key,
                   std::string_view event_id) const {
    return keys_.HasPlaceFor(topic, key, event_id);
  }
  // The stream's next event waits for one. What an operator has released is published meanwhile,
  // though the stream may not have passed all that is parked already.
  void WaitForPlace(StreamPosition at, Clock::time_point now);
  bool WaitsForPlace(StreamPosition at) const { return place_.at() == at; }
  void EndPlaceWait();
  // Such an event has cost the producer: it is not to be tried again as long as it has no place.
  void Block(const PublishFailure& failure) { blocked_ = failure; }
  // Kafka has taken it after all.
  void Unblock() { blocked_.reset(); }
  // Why the stream's next event is not worth trying, though it may not be parked yet.
  std::optional<PublishFailure> KnownRefusal(const Event& event) const;

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
  bool full() const { return filling_.full() || release_.last_lap(); }
  // For poll(2), for reading. -1: none.
  int fd() { return statement_ ? statement_->fd() : -1; }
  // When Work is worth calling though nothing has happened.
  std::optional<Clock::time_point> due() const;

  // What can be done without waiting. Unavailable and others: the session must end. Aborted and
  // must_start_over(): somebody else has changed what is parked.
  absl::Status Work(Producer& sink, Clock::time_point now);
  bool must_start_over() const { return must_start_over_; }

  // Of a record with Producer::kReleased.
  void OnPublished() { release_.OnPublished(); }
  bool publishing() const { return release_.publishing(); }
  // For the next Load(): ids of released events that were given to the sink, and may still be in
  // the table.
  const std::vector<std::string>& released() const { return release_.published(); }

  // The stream has ended, and no record of it waits.
  void OnSessionEnd();
  // The ledger and the producer begin anew: forgets what was not written yet, it comes again.
  void Forget();
  // After Forget: this event has cost the producer, and its key is to be parked when it comes
  // again. Written by the next Load or WriteList; until then a relay that takes over finds out by
  // itself.
  void PutOnList(const PublishFailure& failure);
  absl::Status WriteList(postgres::Connection& connection);

 private:
  enum class Running { kNothing, kOpen, kInsert, kRelease, kReleaseTopics };

  absl::Status OnAnswer(postgres::Result result);
  absl::Status OnOpened(const postgres::Result& result);
  void OnInserted(const postgres::Result& result);
  absl::Status StartNext();
  // How to ask which released keys may begin; none: not yet.
  std::optional<parked::Query> WhichReleases();
  void WarnOfLeftOut();
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
  std::optional<PublishFailure> blocked_;
  int64_t events_ = 0;  // in the table
  Lsn release_from_;    // what the stream has to pass, so that nothing that is parked comes again
  bool passed_ = false;
  Lsn from_;              // the stream begins there, or behind
  Release::Parked fill_;  // since
  PlaceWait place_;
  bool warned_of_left_out_ = false;
  TopicWatch topics_;
  std::vector<std::string> found_topics_;  // whose keys are to be released

  Clock::time_point look_at_;  // when to look for notifications again
  Clock::time_point look_at_topics_at_;
  Clock::time_point warn_at_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKING_LOT_H_
