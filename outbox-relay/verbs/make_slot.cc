#include "outbox-relay/verbs/make_slot.h"

#include <algorithm>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/heal/new_slot.h"
#include "outbox-relay/history/state_table.h"
#include "outbox-relay/source/replication_checks.h"
#include "outbox-relay/source/slot_turn.h"

namespace relay {
namespace {

absl::StatusOr<std::optional<HistoryRecord>> ReadRecord(postgres::Connection& relay,
                                                        const std::string& slot) {
  auto table = relay.Execute("SELECT to_regclass('outbox_relay_state') IS NOT NULL");
  if (!table.ok()) return table.status();
  if (!table->Bool(0, 0)) return std::nullopt;
  absl::StatusOr<StateRow> row = ReadStateRow(relay, slot);
  if (!row.ok()) return row.status();
  return std::move(row->record);
}

// What the new slot's stream does not bring.
struct Before {
  int64_t rows = 0, unpublished = 0;
  std::string snapshot;
};
absl::StatusOr<Before> LookBefore(postgres::Connection& relay, const NewSlot& slot,
                                  const std::optional<HistoryRecord>& old) {
  if (absl::Status open = OpenSnapshot(relay, slot); !open.ok()) return open;
  // Where no snapshot is known nothing can be said of rows, and they need no column tx.
  auto row =
      old && !old->snapshot.empty()
          ? relay.Execute(
                "SELECT count(*), count(*) FILTER (WHERE NOT pg_visible_in_snapshot(tx, "
                "$1::pg_snapshot)), pg_current_snapshot()::text FROM outbox",
                postgres::Params().Text(old->snapshot))
          : relay.Execute("SELECT count(*), 0::bigint, pg_current_snapshot()::text FROM outbox");
  if (absl::Status closed = relay.ExecuteScript("ROLLBACK"); !closed.ok()) return closed;
  if (!row.ok()) return row.status();
  return Before{row->Int64(0, 0), row->Int64(0, 1), std::string(row->Text(0, 2))};
}

absl::Status Drop(postgres::Connection& relay, const std::string& slot) {
  return relay
      .Execute("SELECT pg_drop_replication_slot($1::text)::text", postgres::Params().Text(slot))
      .status();
}

absl::StatusOr<int64_t> BeginHistory(postgres::Connection& relay, const HistoryRecord& old,
                                     const NewSlot& slot, const std::string& snapshot) {
  // Its snapshot has served: the connection may be asked something.
  absl::StatusOr<WalIdentity> server = Identify(slot.keeper.get());
  if (!server.ok()) return server.status();
  // Never one that the copy in Kafka may have had in a life of the database that is no more.
  const int64_t generation = std::max(old.generation + 1, static_cast<int64_t>(std::time(nullptr)));
  const HistoryRecord record{.source = old.source,
                             .slot = old.slot,
                             .generation = generation,
                             .system_id = server->system_id,
                             .timeline = server->timeline,
                             .confirmed = slot.begin,
                             .snapshot = snapshot,
                             .snapshot_at = slot.begin,
                             .offsets = old.offsets};
  if (absl::Status stored = ReplaceStateRow(relay, record); !stored.ok()) return stored;
  return generation;
}

// All that comes behind the slot itself.
absl::StatusOr<MadeSlot> Finish(postgres::Connection& relay, const NewSlot& made,
                                const std::optional<HistoryRecord>& old, bool skip_existing_rows) {
  absl::StatusOr<Before> before = LookBefore(relay, made, old);
  if (!before.ok()) return before.status();
  // Rows that were committed while the slot waited for open transactions.
  if (before->rows > 0 && !skip_existing_rows) {
    return absl::FailedPreconditionError(absl::StrCat(
        before->rows,
        " rows were committed to the outbox before the slot's stream began, and would never be "
        "sent. Fix: stop who writes them, then setup with --skip_existing_rows, if they are "
        "published or need not be"));
  }
  MadeSlot result{.rows_before = before->rows, .unpublished = {}, .generation = 0};
  if (!old) return result;
  if (!old->snapshot.empty()) result.unpublished = before->unpublished;
  absl::StatusOr<int64_t> generation = BeginHistory(relay, *old, made, before->snapshot);
  if (!generation.ok()) return generation.status();
  result.generation = *generation;
  return result;
}

}  // namespace

absl::StatusOr<MadeSlot> MakeSlot(const std::string& conninfo, const std::string& slot,
                                  bool skip_existing_rows) {
  auto relay = postgres::Connection::Open(conninfo, "outbox-relay setup");
  if (!relay.ok()) return relay.status();
  if (absl::Status lifted = relay->LiftTimeouts(); !lifted.ok()) return lifted;
  if (absl::Status turn = TakeSlotTurn(*relay, slot); !turn.ok()) return turn;
  absl::StatusOr<std::optional<HistoryRecord>> old = ReadRecord(*relay, slot);
  if (!old.ok()) return old.status();
  if (old->has_value()) {
    // In another cluster, or on another timeline, its numbers are of other transactions.
    absl::StatusOr<bool> counts = IsOfThisServer(*relay, **old);
    if (!counts.ok()) return counts.status();
    if (!*counts) (*old)->snapshot.clear();
  }
  absl::StatusOr<NewSlot> made = CreateSlot(conninfo, slot, [] { return false; });
  if (!made.ok()) return made.status();
  absl::StatusOr<MadeSlot> result = Finish(*relay, *made, *old, skip_existing_rows);
  if (result.ok()) return result;
  const absl::Status dropped = Drop(*relay, slot);
  if (dropped.ok()) return result;
  return absl::Status(
      result.status().code(),
      absl::StrCat(std::string(result.status().message()), "; and the slot is still there (",
                   std::string(dropped.message()), "): drop it, then run setup again"));
}

}  // namespace relay
