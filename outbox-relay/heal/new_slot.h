// A slot made anew, with the snapshot of the database at the place where its stream begins.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HEAL_NEW_SLOT_H_
#define ORDER_SAGA_OUTBOX_RELAY_HEAL_NEW_SLOT_H_

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
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

// Drops `old` if it is ours (AlreadyExists: somebody is using it; FailedPrecondition: it is
// somebody else's) and makes it again. Waits for the transactions that are open on the whole
// server; Cancelled after a stop request.
absl::StatusOr<NewSlot> MakeSlotAnew(const std::string& conninfo, const SlotState& old,
                                     std::stop_token stop);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HEAL_NEW_SLOT_H_
