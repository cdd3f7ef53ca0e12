// Which outbox rows were published?
//
// A row does not know the log position of its commit. But ten times a second (S, L) is taken in one
// statement: S, which transactions are over, and L, how far the log was. If everything before L is
// at Kafka, so is every row visible in S.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HISTORY_SAMPLE_HISTORY_H_
#define ORDER_SAGA_OUTBOX_RELAY_HISTORY_SAMPLE_HISTORY_H_

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "outbox-relay/history/acked_offsets.h"
#include "outbox-relay/source/lsn.h"

namespace relay {

// Samples of one server's one timeline. Not thread-safe.
class SampleHistory {
 public:
  struct Sample {
    std::string snapshot;
    Lsn at;
    // How far Kafka was written before the snapshot was taken: rows not visible in it lie behind.
    // Null: unknown.
    std::shared_ptr<const TopicOffsets> offsets;
  };

  // `snapshot` is a pg_snapshot's text, `at` pg_current_wal_insert_lsn().
  void Add(std::string snapshot, Lsn at, std::shared_ptr<const TopicOffsets> offsets = nullptr);

  // What an earlier relay has sampled and recorded, oldest first: goes before our own.
  // `offsets` were right for the first of them, so they are for all, and for those of our own
  // that have none.
  void Restore(const std::vector<std::pair<std::string, Lsn>>& earlier,
               const std::shared_ptr<const TopicOffsets>& offsets);

  // The snapshot of the newest sample whose place is confirmed; null if there is none. Forgets
  // older ones: `confirmed` never goes back. Valid until the next call.
  const std::string* NewestAt(Lsn confirmed);
  // The same with what belongs to it.
  const Sample* NewestSampleAt(Lsn confirmed);

  // Those that NewestAt has not forgotten, oldest first.
  const std::deque<Sample>& samples() const { return samples_; }

  // After a reconnect the server may be another.
  void Clear() { samples_.clear(); }

  size_t size() const { return samples_.size(); }

 private:
  // When they are this many, every second one in the middle goes: a long outage is known more
  // coarsely.
  static constexpr size_t kMost = 1'000, kKeptAtEachEnd = 100;

  void Thin();

  std::deque<Sample> samples_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HISTORY_SAMPLE_HISTORY_H_
