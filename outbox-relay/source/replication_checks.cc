#include "outbox-relay/source/replication_checks.h"

#include <cstdlib>
#include <memory>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "libs/outbox/slot.h"
#include "libs/postgres/quote.h"
#include "libs/postgres/result.h"
#include "libs/postgres/sql_error.h"

namespace relay {
namespace {

using postgres::ErrorFrom;
using postgres::Result;

absl::Status SlotInUse(const std::string& slot, std::string_view pid) {
  return absl::AlreadyExistsError(absl::StrCat(
      "slot ", slot, " is in use by another relay (server ", "process ", std::string(pid), ")"));
}

}  // namespace

absl::StatusOr<WalIdentity> Identify(PGconn* connection) {
  if (PQserverVersion(connection) < 140000) {
    return absl::FailedPreconditionError(
        absl::StrCat("Postgres is of version ", PQserverVersion(connection) / 10000,
                     "; the relay needs 14 or later (pgoutput's binary mode)"));
  }
  Result row(PQexec(connection, "IDENTIFY_SYSTEM"));
  if (!row.ok() || row.rows() != 1) return ErrorFrom(connection, row.raw(), "IDENTIFY_SYSTEM");
  WalIdentity identity;
  identity.system_id = row.Text(0, 0);
  identity.timeline = static_cast<uint32_t>(std::strtoul(row.Text(0, 1).data(), nullptr, 10));
  absl::StatusOr<Lsn> flushed = ParseLsn(row.Text(0, 2));
  if (!flushed.ok()) return flushed.status();
  identity.flushed = *flushed;
  return identity;
}

absl::StatusOr<SlotState> ReadSlot(PGconn* connection, const std::string& name) {
  Result row(PQexec(
      connection, absl::StrCat("SELECT current_setting('wal_level'), slot_type, plugin, database, "
                               "current_database(), active_pid, confirmed_flush_lsn, wal_status, "
                               "coalesce(to_jsonb(slot) ->> 'synced', 'false') "
                               "FROM (SELECT 1) one LEFT JOIN pg_replication_slots slot "
                               "ON slot_name = ",
                               postgres::QuoteLiteral(name))
                      .c_str()));
  if (!row.ok() || row.rows() != 1) return ErrorFrom(connection, row.raw(), "reading the slot");
  if (row.Text(0, 0) != "logical") {
    return absl::FailedPreconditionError(
        absl::StrCat("Postgres runs with wal_level=", std::string(row.Text(0, 0)),
                     ". Fix: ALTER SYSTEM SET wal_level = logical, then restart it"));
  }
  SlotState slot{.name = name,
                 .wanted_database = std::string(row.Text(0, 4)),
                 .exists = !row.IsNull(0, 1),
                 .type = std::string(row.TextOrEmpty(0, 1)),
                 .plugin = std::string(row.TextOrEmpty(0, 2)),
                 .database = std::string(row.TextOrEmpty(0, 3)),
                 .lost = row.TextOrEmpty(0, 7) == "lost",
                 .synchronized = row.Text(0, 8) == "true",
                 .active_pid = std::string(row.TextOrEmpty(0, 5)),
                 .confirmed = {},
                 .create_sql = outbox::CreateSlotStatement(name, PQserverVersion(connection))};
  if (row.IsNull(0, 6)) return slot;
  absl::StatusOr<Lsn> confirmed = ParseLsn(row.Text(0, 6));
  if (!confirmed.ok()) return confirmed.status();
  slot.confirmed = *confirmed;
  return slot;
}

absl::Status CheckSlotState(const SlotState& slot) {
  if (!slot.exists) {
    return absl::FailedPreconditionError(absl::StrCat(
        "there is no replication slot ", slot.name, " for the database ", slot.wanted_database,
        ", and no relay has recorded one. Fix: run the `migrate` verb of the service that owns it, "
        "or `outbox-relay setup`: they make publication and slot"));
  }
  if (!slot.ours()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the replication slot ", slot.name, " is of type ", slot.type, ", plugin ", slot.plugin,
        ", database ", slot.database, "; the relay needs logical, pgoutput, ", slot.wanted_database,
        ". Fix: drop that slot, if nobody uses it, then run the service's `migrate` verb"));
  }
  if (slot.lost) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the replication slot ", slot.name,
        " is lost: Postgres removed log that it still needed (max_slot_wal_keep_size), and no "
        "relay has recorded what it had published. Fix: drop the slot (SELECT "
        "pg_drop_replication_slot('",
        slot.name,
        "')), make it anew (outbox-relay setup --skip_existing_rows), then insert once more those "
        "rows of the outbox that are not at Kafka"));
  }
  return slot.active_pid.empty() ? absl::OkStatus() : SlotInUse(slot.name, slot.active_pid);
}

absl::Status ExplainStart(PGconn* connection, const PGresult* result, const std::string& slot) {
  const absl::Status error = ErrorFrom(connection, result, "START_REPLICATION");
  const std::string state = postgres::SqlState(error);
  const std::string text(error.message());
  if (state == "55006") return SlotInUse(slot, "unknown");
  if (state == "53300") {
    return absl::ResourceExhaustedError(
        absl::StrCat(text, ". Fix: raise max_wal_senders and restart Postgres"));
  }
  if (state == "42704") {  // dropped since we looked
    return absl::FailedPreconditionError(
        absl::StrCat(text, ": it was dropped a moment ago; looking again"));
  }
  return error;
}

}  // namespace relay
