// What is kept of a source outside its slot, so that a changed history is noticed and a lost slot
// can be healed.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HISTORY_RECORD_H_
#define ORDER_SAGA_OUTBOX_RELAY_HISTORY_RECORD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "outbox-relay/history/acked_offsets.h"
#include "outbox-relay/source/lsn.h"

namespace relay {

// Kept twice: a row of the database's outbox_relay_state, and in the Kafka topic of that name. The
// row is always written first, so it is never behind the topic's copy.
struct HistoryRecord {
  std::string source;  // as in --source
  std::string slot;
  // Counts the changes of history that were healed or accepted: of two records the one with the
  // higher generation counts.
  int64_t generation = 1;
  std::string system_id;
  uint32_t timeline = 0;
  // Everything before it is at Kafka. No relay has told Postgres more.
  Lsn confirmed;

  // Of the publication, while all this was so: see PublicationStateSql. Empty: not noted.
  std::string publication;

  // Every row that is visible in this pg_snapshot is at Kafka; what is not visible in it lies
  // behind `offsets`, or in partitions that are not named there. Empty: none was taken yet.
  std::string snapshot;
  Lsn snapshot_at;
  TopicOffsets offsets;

  // Later pairs (pg_snapshot, where the log was), for when they are confirmed; in their order.
  std::vector<std::pair<std::string, Lsn>> samples;

  // Set by an operator after a restore: rows up to this `seq` count as published, all others are
  // to be published by healing. -1: not set.
  int64_t published_up_to_seq = -1;

  friend bool operator==(const HistoryRecord&, const HistoryRecord&) = default;
};

// JSON, with everything in it.
std::string Encode(const HistoryRecord& record);
// InvalidArgument if it is not what Encode made, or a later version's.
absl::StatusOr<HistoryRecord> DecodeRecord(std::string_view json);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HISTORY_RECORD_H_
