// The replication slot through which the relay reads the outbox.
#ifndef ORDER_SAGA_LIBS_OUTBOX_SLOT_H_
#define ORDER_SAGA_LIBS_OUTBOX_SLOT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/postgres/connection.h"

namespace outbox {

// "outbox_" and the database's name: slots belong to the whole server.
std::string SlotName(const std::string& database);

// The first server version (PQserverVersion) with slots that standbys may synchronize.
inline constexpr int kFailoverSlotsSince = 170'000;

// What makes `slot` on a server of this version (PQserverVersion). From 17 on it is a failover
// slot: standbys that synchronize slots have it, too, so it survives a promotion (PostgreSQL docs,
// "Replication Slot Synchronization").
std::string CreateSlotStatement(const std::string& slot, int server_version);

// Makes the slot of the connection's database unless it is there; answers whether it made it. The
// role must have REPLICATION: the relay's, never the owner's or the service's. Waits for the
// transactions that are open anywhere on the server. Refused (FailedPrecondition) if there are
// rows in the outbox already and no slot: they would never enter the new slot's stream.
absl::StatusOr<bool> CreateSlot(postgres::Connection& relay);

// FailedPrecondition, with the fix, unless the database's outbox has its slot: rows that commit
// before a slot exists never enter its stream, so a service must not write any. Asked by the
// service's role.
absl::Status CheckSlot(postgres::Connection& connection);

}  // namespace outbox

#endif  // ORDER_SAGA_LIBS_OUTBOX_SLOT_H_
