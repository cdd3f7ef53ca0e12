#include "outbox-relay/parking/sole_relay.h"

namespace relay::parked {
namespace {

// One relay of the source at a time, for as long as its connection lasts. The numbers are ours: the
// ASCII codes of "outb" and "park".
constexpr char kEndOthers[] = R"sql(
  SELECT pg_terminate_backend(pid, 2000)
    FROM pg_locks
   WHERE locktype = 'advisory' AND classid = 1869968482 AND objid = 1885434475 AND objsubid = 2
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND pid <> pg_backend_pid()
)sql";
// Not one that somebody has made at the same place while we looked away: that stands further on.
constexpr char kHasSlot[] = R"sql(
  SELECT EXISTS (SELECT FROM pg_replication_slots
                  WHERE slot_name = 'outbox_' || current_database() AND active_pid = $1::bigint
                    AND confirmed_flush_lsn <= $2::text::pg_lsn)
)sql";
constexpr char kLock[] = "SELECT pg_advisory_lock(1869968482, 1885434475)";

}  // namespace

absl::Status ShutOutAll(postgres::Connection& connection) {
  if (auto ended = connection.Execute(kEndOthers); !ended.ok()) return ended.status();
  return connection.Execute(kLock).status();
}

absl::Status ShutOutOthers(postgres::Connection& connection, const SlotHolder& holder) {
  const auto has_slot = [&]() -> absl::Status {
    auto rows = connection.Execute(
        kHasSlot, postgres::Params().Int64(holder.walsender_pid).Text(ToString(holder.judged)));
    if (!rows.ok()) return rows.status();
    if (rows->Bool(0, 0)) return absl::OkStatus();
    return absl::UnavailableError(
        "the slot is another relay's by now, or was made anew since it was looked at; looking "
        "again");
  };
  // One that was asleep may wake up in the middle of a statement; this may be that one.
  if (absl::Status ours = has_slot(); !ours.ok()) return ours;
  if (absl::Status alone = ShutOutAll(connection); !alone.ok()) return alone;
  return has_slot();
}

}  // namespace relay::parked
