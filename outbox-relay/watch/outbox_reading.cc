#include "outbox-relay/watch/outbox_reading.h"

#include <algorithm>
#include <utility>

#include "outbox-relay/history/state_table.h"

namespace relay {
namespace {

constexpr char kSample[] = "SELECT pg_current_snapshot()::text, pg_current_wal_insert_lsn()::text";

// catalog_xmin as an xid8, by the epoch of the current xid.
constexpr char kSlot[] = R"sql(
  SELECT 'outbox_' || current_database(), slot_type, coalesce(plugin, ''),
         coalesce(database::text, ''), coalesce(wal_status, ''),
         coalesce(confirmed_flush_lsn, '0/0')::text,
         coalesce(pg_wal_lsn_diff(log_end, confirmed_flush_lsn), 0)::bigint,
         coalesce(pg_wal_lsn_diff(log_end, restart_lsn), 0)::bigint,
         safe_wal_size,
         greatest(pg_size_bytes(current_setting('max_slot_wal_keep_size')), 0),
         (CASE WHEN low > now % 4294967296 THEN now / 4294967296 - 1 ELSE now / 4294967296 END
          * 4294967296 + low)::text,
         active_pid::bigint, application_name, host(client_addr),
         date_trunc('second', backend_start)::text
  FROM (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                    ELSE pg_current_wal_lsn() END AS log_end,
               pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS now) server
  LEFT JOIN (SELECT *, catalog_xmin::text::bigint AS low FROM pg_replication_slots) slot
         ON slot_name = 'outbox_' || current_database()
  LEFT JOIN pg_stat_replication ON pid = active_pid
)sql";

constexpr char kSinceSnapshot[] = R"sql(
  SELECT count(*), coalesce((extract(epoch FROM clock_timestamp() - min(created_at))
                             * 1000000)::bigint, 0)
  FROM outbox WHERE tx >= pg_snapshot_xmin($1::pg_snapshot)
                AND NOT pg_visible_in_snapshot(tx, $1::pg_snapshot)
)sql";

constexpr char kSinceXid[] = R"sql(
  SELECT count(*), coalesce((extract(epoch FROM clock_timestamp() - min(created_at))
                             * 1000000)::bigint, 0)
  FROM outbox WHERE tx >= $1::xid8
)sql";

}  // namespace

absl::StatusOr<SlotReading> ReadSlot(postgres::Connection& database) {
  auto row = database.Execute(kSlot);
  if (!row.ok()) return row.status();
  SlotReading slot;
  slot.name = row->Text(0, 0);
  slot.exists = !row->IsNull(0, 1);
  if (!slot.exists) return slot;
  slot.type = row->Text(0, 1);
  slot.plugin = row->Text(0, 2);
  slot.database = row->Text(0, 3);
  slot.wal_status = row->Text(0, 4);
  absl::StatusOr<Lsn> confirmed = ParseLsn(row->Text(0, 5));
  if (!confirmed.ok()) return confirmed.status();
  slot.confirmed = *confirmed;
  slot.behind_bytes = std::max<int64_t>(0, row->Int64(0, 6));
  slot.retained_bytes = std::max<int64_t>(0, row->Int64(0, 7));
  if (!row->IsNull(0, 8)) slot.safe_bytes = row->Int64(0, 8);
  slot.limit_bytes = row->Int64(0, 9);
  if (!row->IsNull(0, 10)) slot.xmin = row->Text(0, 10);
  if (!row->IsNull(0, 11)) slot.active_pid = row->Int64(0, 11);
  slot.application = row->TextOrEmpty(0, 12);
  slot.address = row->TextOrEmpty(0, 13);
  slot.since = row->TextOrEmpty(0, 14);
  return slot;
}

absl::StatusOr<SampleHistory::Sample> ReadSample(postgres::Connection& database) {
  auto row = database.Execute(kSample);
  if (!row.ok()) return row.status();
  absl::StatusOr<Lsn> at = ParseLsn(row->Text(0, 1));
  if (!at.ok()) return at.status();
  return SampleHistory::Sample{.snapshot = std::string(row->Text(0, 0)), .at = *at, .offsets = {}};
}

absl::Status TakeSample(postgres::Connection& database, SampleHistory& samples,
                        std::shared_ptr<const TopicOffsets> offsets) {
  absl::StatusOr<SampleHistory::Sample> sample = ReadSample(database);
  if (!sample.ok()) return sample.status();
  samples.Add(std::move(sample->snapshot), sample->at, std::move(offsets));
  return absl::OkStatus();
}

absl::StatusOr<Lsn> LoadRecordedSamples(postgres::Connection& database, const std::string& slot,
                                        SampleHistory& samples) {
  auto may = database.Execute(
      "SELECT coalesce(has_table_privilege(to_regclass('outbox_relay_state'), 'SELECT'), false)");
  if (!may.ok()) return may.status();
  if (!may->Bool(0, 0)) return Lsn{};
  absl::StatusOr<StateRow> row = ReadStateRow(database, slot);
  if (!row.ok()) return row.status();
  if (!row->record) return Lsn{};
  // Elsewhere the snapshots' transaction ids are those of others.
  absl::StatusOr<bool> counts = IsOfThisServer(database, *row->record);
  if (!counts.ok()) return counts.status();
  if (!*counts) return Lsn{};
  const HistoryRecord& record = *row->record;
  if (!record.snapshot.empty()) samples.Add(record.snapshot, record.snapshot_at);
  for (const auto& [snapshot, at] : record.samples) samples.Add(snapshot, at);
  return record.confirmed;
}

absl::StatusOr<std::optional<int64_t>> CountParkedKeys(postgres::Connection& database) {
  auto may = database.Execute(
      "SELECT coalesce(has_table_privilege(to_regclass('outbox_parked_keys'), 'SELECT'), false)");
  if (!may.ok()) return may.status();
  if (!may->Bool(0, 0)) return std::nullopt;
  auto keys = database.Execute("SELECT count(*) FROM outbox_parked_keys");
  if (!keys.ok()) return keys.status();
  return keys->Int64(0, 0);
}

absl::StatusOr<OutboxLag> ReadLag(postgres::Connection& database, const SlotReading& slot,
                                  SampleHistory& samples, Lsn recorded) {
  const Lsn published = slot.exists ? std::max(slot.confirmed, recorded) : slot.confirmed;
  return ReadLag(database, published, slot.xmin, samples);
}

absl::StatusOr<OutboxLag> ReadLag(postgres::Connection& database, Lsn published,
                                  const std::string& slot_xmin, SampleHistory& samples) {
  const std::string* const snapshot = samples.NewestAt(published);
  auto row = snapshot != nullptr
                 ? database.Execute(kSinceSnapshot, postgres::Params().Text(*snapshot))
                 : database.Execute(kSinceXid, postgres::Params().Text(slot_xmin));
  if (!row.ok()) return row.status();
  return OutboxLag{.events = row->Int64(0, 0),
                   .oldest_age_microseconds = std::max<int64_t>(0, row->Int64(0, 1)),
                   .sampled = snapshot != nullptr};
}

}  // namespace relay
