// A slot made anew, with the snapshot of the database at the place where its stream begins.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HEAL_NEW_SLOT_H_
#define ORDER_SAGA_OUTBOX_RELAY_HEAL_NEW_SLOT_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/source/lsn.h"
#include "outbox-relay/source/replication_connect.h"
#include "outbox-relay/source/slot_state.h"

namespace relay {

// What is visible in the snapshot is in no stream of the slot, what is not visible in it is in the
// slot's stream: nothing is missed in between.
struct NewSlot {
  PgConnection keeper;   // the snapshot lives as long as this connection does nothing else
  std::string snapshot;  // for SET TRANSACTION SNAPSHOT
  Lsn begin;
};

// Makes the slot `name`, which must not be there (AlreadyExists). Waits for the transactions that
// are open on the whole server; Cancelled once `leave`, which is asked several times a second.
absl::StatusOr<NewSlot> CreateSlot(const std::string& conninfo, const std::string& name,
                                   absl::FunctionRef<bool()> leave);

// The same in the place of `old`. Drops it if it is ours (AlreadyExists: somebody is using it;
// FailedPrecondition: it is somebody else's).
absl::StatusOr<NewSlot> RecreateSlot(const std::string& conninfo, const SlotState& old,
                                     absl::FunctionRef<bool()> leave);

// On another connection: a read-only transaction that sees what the slot's stream does not bring. A
// row that a policy hides would count as one that is not there: that is an error.
absl::Status OpenSnapshot(postgres::Connection& connection, const NewSlot& slot);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HEAL_NEW_SLOT_H_
