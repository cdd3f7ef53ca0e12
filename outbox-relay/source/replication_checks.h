// What can be known about a source before its stream starts. Each error says the fix.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_REPLICATION_CHECKS_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_REPLICATION_CHECKS_H_

#include <libpq-fe.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "outbox-relay/source/lsn.h"
#include "outbox-relay/source/slot_state.h"
#include "outbox-relay/source/wal_identity.h"

namespace relay {

// All on a replication connection. Besides Unavailable (the connection is gone):

absl::StatusOr<WalIdentity> Identify(PGconn* connection);

// FailedPrecondition: wal_level is not logical. A slot that is missing, lost, foreign or in use is
// no error here.
absl::StatusOr<SlotState> ReadSlot(PGconn* connection, const std::string& slot);

// For a source of which no relay has recorded anything. AlreadyExists: another relay is using it.
// FailedPrecondition: it cannot be streamed.
absl::Status CheckSlotState(const SlotState& slot);

// What a refused START_REPLICATION means.
absl::Status ExplainStart(PGconn* connection, const PGresult* result, const std::string& slot);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_REPLICATION_CHECKS_H_
