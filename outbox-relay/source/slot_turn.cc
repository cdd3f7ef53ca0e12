#include "outbox-relay/source/slot_turn.h"

namespace relay {

// The advisory lock of who makes the slot $1.
#define ORDER_SAGA_SLOT_TURN "hashtextextended('outbox-relay heals ' || $1::text, 0)"

absl::StatusOr<bool> IsSlotTurnTaken(postgres::Connection& connection, const std::string& slot) {
  auto taken = connection.Execute(
      "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 "
      "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
      "AND (classid::bigint << 32) | objid::bigint = " ORDER_SAGA_SLOT_TURN ")",
      postgres::Params().Text(slot));
  if (!taken.ok()) return taken.status();
  return taken->Bool(0, 0);
}

absl::Status TakeSlotTurn(postgres::Connection& connection, const std::string& slot) {
  auto taken = connection.Execute("SELECT pg_try_advisory_lock(" ORDER_SAGA_SLOT_TURN ")",
                                  postgres::Params().Text(slot));
  if (!taken.ok()) return taken.status();
  if (taken->Bool(0, 0)) return absl::OkStatus();
  return absl::AlreadyExistsError(
      "another relay is healing this source, or `setup` is making its slot; wait for it");
}

#undef ORDER_SAGA_SLOT_TURN

}  // namespace relay
