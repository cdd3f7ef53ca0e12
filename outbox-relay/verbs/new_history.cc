#include "outbox-relay/verbs/new_history.h"

#include "absl/strings/str_cat.h"
#include "outbox-relay/history/state_table.h"

namespace relay {

absl::StatusOr<std::optional<int64_t>> BeginNewHistory(postgres::Connection& relay,
                                                       const std::string& slot) {
  auto recorded = relay.Execute("SELECT to_regclass('outbox_relay_state') IS NOT NULL");
  if (!recorded.ok()) return recorded.status();
  if (!recorded->Bool(0, 0)) return std::nullopt;
  absl::StatusOr<StateRow> row = ReadStateRow(relay.raw(), slot);
  if (!row.ok()) return row.status();
  if (!row->record) return std::nullopt;
  auto now = relay.Execute(
      "SELECT confirmed_flush_lsn::text, system_identifier::text, "
      "('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint, "
      "pg_current_snapshot()::text, pg_current_wal_insert_lsn()::text "
      "FROM pg_replication_slots, pg_control_system() WHERE slot_name = $1::text",
      postgres::Params().Text(slot));
  if (!now.ok()) return now.status();
  if (now->rows() == 0) {
    return absl::AbortedError(absl::StrCat("the slot ", slot, " is gone again"));
  }
  absl::StatusOr<Lsn> confirmed = ParseLsn(now->Text(0, 0));
  if (!confirmed.ok()) return confirmed.status();
  absl::StatusOr<Lsn> at = ParseLsn(now->Text(0, 4));
  if (!at.ok()) return at.status();
  HistoryRecord record{.source = row->record->source,
                       .slot = slot,
                       .generation = row->record->generation + 1,
                       .system_id = std::string(now->Text(0, 1)),
                       .timeline = static_cast<uint32_t>(now->Int64(0, 2)),
                       .confirmed = *confirmed,
                       .offsets = row->record->offsets};
  // Once the slot has been streamed up to here, all that is visible now counts as published.
  record.samples.emplace_back(now->Text(0, 3), *at);
  if (absl::Status stored = ReplaceStateRow(relay, record); !stored.ok()) return stored;
  return record.generation;
}

}  // namespace relay
