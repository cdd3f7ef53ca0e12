#include "outbox-relay/source/wal_identity.h"

#include "absl/strings/str_cat.h"

namespace relay {
namespace {

absl::Status Stop(const std::string& what) {
  return absl::DataLossError(absl::StrCat(
      what,
      ". Going on could skip events in silence, so this source stops. Choices: (1) if this is the "
      "wrong server, bring the right one back: the relay goes on by itself; (2) if this is the "
      "right one now (a standby was promoted, a backup restored), restart the relay: it then "
      "begins where the record in outbox_relay_state says, sends again what came after that, and "
      "stops with the choices (--heal=table, `outbox-relay accept-history`) if server and slot do "
      "not agree with that record either"));
}

}  // namespace

absl::StatusOr<Lsn> EndOfLog(postgres::Connection& connection) {
  auto row = connection.Execute("SELECT pg_current_wal_flush_lsn()::text");
  if (!row.ok()) return row.status();
  return ParseLsn(row->Text(0, 0));
}

absl::Status CheckSameHistory(const WalIdentity& before, const WalIdentity& now, Lsn remembered) {
  if (now.system_id != before.system_id) {
    return Stop(absl::StrCat("Postgres is another cluster than before: system identifier ",
                             now.system_id, ", not ", before.system_id));
  }
  if (now.timeline != before.timeline) {
    return Stop(absl::StrCat("Postgres is on timeline ", now.timeline, ", before on ",
                             before.timeline, ": a standby was promoted or a backup restored"));
  }
  if (now.flushed < remembered) {
    return Stop(
        absl::StrCat("Postgres has lost writes: it sent the log up to ", ToString(remembered),
                     " and now has it up to ", ToString(now.flushed),
                     " (fsync off, a disk that lies, or an older copy of the data folder)"));
  }
  return absl::OkStatus();
}

}  // namespace relay
