#include "libs/outbox/slot.h"

#include <libpq-fe.h>

#include "absl/strings/str_cat.h"
#include "libs/postgres/quote.h"
#include "libs/postgres/sql_error.h"

namespace outbox {

std::string SlotName(const std::string& database) { return absl::StrCat("outbox_", database); }

std::string CreateSlotStatement(const std::string& slot, int server_version) {
  return absl::StrCat("SELECT pg_create_logical_replication_slot(", postgres::QuoteLiteral(slot),
                      ", 'pgoutput'",
                      server_version >= kFailoverSlotsSince ? ", failover => true" : "", ")::text");
}

absl::StatusOr<bool> CreateSlot(postgres::Connection& relay) {
  auto state = relay.Execute(R"sql(
    SELECT current_database()::text,
           current_setting('wal_level'),
           (SELECT database::text FROM pg_replication_slots
             WHERE slot_name = 'outbox_' || current_database()),
           EXISTS (SELECT FROM outbox)
  )sql");
  if (!state.ok()) return state.status();
  const std::string database(state->Text(0, 0));
  const std::string slot = SlotName(database);
  if (!state->IsNull(0, 2)) return false;
  if (state->Text(0, 1) != "logical") {
    return absl::FailedPreconditionError(
        absl::StrCat("wal_level is ", std::string(state->Text(0, 1)),
                     "; set wal_level = logical in postgresql.conf and restart Postgres"));
  }
  if (state->Bool(0, 3)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "slot ", slot, " is missing although the outbox of ", database,
        " has rows, which a new slot would never send. Let the relay make it: after a restore it "
        "does with --heal=table, and publishes what is not at Kafka. Or, if every one of them has "
        "been published, make the slot by hand: ",
        CreateSlotStatement(slot, PQserverVersion(relay.raw()))));
  }
  auto made = relay.Execute(CreateSlotStatement(slot, PQserverVersion(relay.raw())));
  if (!made.ok()) {
    // Somebody else made it in between: fine.
    if (postgres::SqlState(made.status()) == "42710") return false;
    return made.status();
  }
  return true;
}

absl::Status CheckSlot(postgres::Connection& connection) {
  auto slot = connection.Execute(R"sql(
    SELECT current_database()::text,
           (SELECT coalesce(wal_status, 'unknown') FROM pg_replication_slots
             WHERE slot_name = 'outbox_' || current_database() AND database = current_database())
  )sql");
  if (!slot.ok()) return slot.status();
  const std::string database(slot->Text(0, 0));
  if (slot->IsNull(0, 1)) {
    return absl::FailedPreconditionError(
        absl::StrCat("replication slot outbox_", database,
                     " does not exist: what is committed now would never be published; run this "
                     "program's `migrate` verb"));
  }
  if (slot->Text(0, 1) == "lost") {
    return absl::FailedPreconditionError(
        absl::StrCat("replication slot outbox_", database,
                     " is lost: Postgres has removed WAL that it still needed; find out which rows "
                     "of outbox are not in Kafka before you make a new one"));
  }
  return absl::OkStatus();
}

}  // namespace outbox
