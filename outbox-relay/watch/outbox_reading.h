// What a source database itself says of its outbox and slot, so that it can be known when no relay
// runs.
#ifndef ORDER_SAGA_OUTBOX_RELAY_WATCH_OUTBOX_READING_H_
#define ORDER_SAGA_OUTBOX_RELAY_WATCH_OUTBOX_READING_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/history/sample_history.h"
#include "outbox-relay/source/lsn.h"

namespace relay {

struct SlotReading {
  std::string name;  // outbox_<database>, be it there or not
  bool exists = false;
  std::string type, plugin, database;
  std::string wal_status;  // reserved, extended, unreserved, lost
  Lsn confirmed;
  int64_t behind_bytes = 0;    // from what is confirmed to the end of the log
  int64_t retained_bytes = 0;  // what Postgres keeps for it
  // What may still be written before Postgres invalidates it; none: there is no limit.
  std::optional<int64_t> safe_bytes;
  int64_t limit_bytes = 0;  // the server's max_slot_wal_keep_size; 0: none
  // Transactions before it were over where the slot has confirmed to be; "0": unknown.
  std::string xmin = "0";

  // Who streams it; the rest is empty where the role may not see other roles' sessions.
  std::optional<int64_t> active_pid;
  std::string application, address, since;
};

absl::StatusOr<SlotReading> ReadSlot(postgres::Connection& database);

// One sample (see sample_history.h), without offsets.
absl::StatusOr<SampleHistory::Sample> ReadSample(postgres::Connection& database);
// The same into `samples`.
absl::Status TakeSample(postgres::Connection& database, SampleHistory& samples,
                        std::shared_ptr<const TopicOffsets> offsets = nullptr);

// Adds what a relay has recorded in this database (history/), for who has no samples of its own.
// Returns the position up to which everything is at Kafka by that record: a relay that ends records
// it and may not get to tell the slot. Nothing, and no position, where there is no record of this
// server, or none that the role may read.
absl::StatusOr<Lsn> LoadRecordedSamples(postgres::Connection& database, const std::string& slot,
                                        SampleHistory& samples);

struct OutboxLag {
  int64_t events = 0;
  int64_t oldest_age_microseconds = 0;
  // From a sample that is confirmed. Else by the slot's xmin alone, which counts some, or many,
  // that are published.
  bool sampled = false;
};

// Rows not known to be published, never too few. Everything before `published` is at Kafka;
// `slot_xmin` is SlotReading's.
absl::StatusOr<OutboxLag> ReadLag(postgres::Connection& database, Lsn published,
                                  const std::string& slot_xmin, SampleHistory& samples);
// The same for who publishes nothing. `recorded`: what LoadRecordedSamples returned on this
// connection.
absl::StatusOr<OutboxLag> ReadLag(postgres::Connection& database, const SlotReading& slot,
                                  SampleHistory& samples, Lsn recorded = {});

// nullopt where there is no such table, or the role may not read it.
absl::StatusOr<std::optional<int64_t>> CountParkedKeys(postgres::Connection& database);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_WATCH_OUTBOX_READING_H_
