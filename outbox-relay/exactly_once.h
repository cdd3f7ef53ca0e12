// Exactly-once mode: each Kafka transaction carries events and the watermark up to which they go
// (KIP-98), so a reader of committed records sees each event once, whenever a relay dies.
#ifndef ORDER_SAGA_OUTBOX_RELAY_EXACTLY_ONCE_H_
#define ORDER_SAGA_OUTBOX_RELAY_EXACTLY_ONCE_H_

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "outbox-relay/history/state_topic.h"
#include "outbox-relay/history/watermark.h"
#include "outbox-relay/ledger/ledger.h"
#include "outbox-relay/sink/producer.h"
#include "outbox-relay/source/replication_stream.h"

namespace relay {

struct ExactlyOnceOptions {
  std::string conninfo;  // the source's
  StateTopicOptions topic;
  // A transaction that always finds more to publish is committed after so long.
  std::chrono::milliseconds interval{500};
};

// The id of the transactions of a source: who begins with it shuts out whoever used it before.
std::string TransactionalId(const StateTopicOptions& topic);

// One streaming session. Used by one thread.
class ExactlyOnce {
 public:
  using Clock = std::chrono::steady_clock;

  explicit ExactlyOnce(ExactlyOnceOptions options) : options_(std::move(options)) {}

  // Once the slot is ours, and before anything of its stream is published: shuts out other relays,
  // then reads where they have come to. `identity` says which stream this is, and nothing of
  // positions. Waits for Kafka, and keeps `stream` alive meanwhile, but not for long once a stop is
  // requested or Postgres is `leaving`. Unavailable: Kafka does not answer. Aborted: the producer
  // has failed. DataLoss: the log ends before the watermark.
  absl::Status Begin(ReplicationStream& stream, Producer& sink, Watermark identity,
                     std::stop_token stop, absl::FunctionRef<bool()> leaving);

  // Up to where all is published.
  const Watermark& watermark() const { return watermark_; }
  // Of the transaction with this commit record, the rows up to this ordinal are published.
  bool IsPublished(Lsn commit, int64_t ordinal) const {
    return commit == first_.open_commit && ordinal <= first_.open_ordinal;
  }

  // How far the stream was given to the sink, or parked.
  struct Progress {
    bool in_transaction = false;
    Lsn commit;            // that transaction's
    int64_t ordinal = -1;  // its last row that was given
    bool waiting = false;  // a row behind it waits for the sink
    bool idle = false;     // nothing more is there to be read
    bool ending = false;   // the session is to end, or the stream waits for the commit
  };
  // One turn: closes the sink's transaction if it is time, and commits it when nothing of it is on
  // its way any more. `given`: see Watermark::released.
  void Work(Producer& sink, const Ledger& ledger, const std::vector<std::string>& given,
            const Progress& progress, Clock::time_point now);
  // When Work is worth calling though nothing has happened.
  std::optional<Clock::time_point> due() const { return due_; }

 private:
  absl::StatusOr<Watermark> ResumeFrom(const Watermark& was, const Watermark& identity,
                                       Lsn flushed);
  // What waits for Kafka of Begin().
  absl::Status TakeOver(Transaction& transaction, const Watermark& identity, Lsn flushed,
                        std::stop_token stop);
  bool MayEnd(const Transaction& transaction, const Progress& progress, Clock::time_point now);
  void Advance(const Ledger& ledger, const std::vector<std::string>& given,
               const Progress& progress);

  const ExactlyOnceOptions options_;
  Watermark first_;      // at the session's start
  Watermark watermark_;  // of the last commit
  std::optional<Clock::time_point> due_;
  uint64_t events_ = 0;  // of the transaction, and when the last came
  Clock::time_point last_event_at_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_EXACTLY_ONCE_H_
