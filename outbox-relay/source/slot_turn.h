// Whose turn it is to make a slot, or to say where relays go on.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_SLOT_TURN_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_SLOT_TURN_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/postgres/connection.h"

namespace relay {

// One at a time makes a slot that another one may have left, for as long as `connection` lasts.
// AlreadyExists: somebody else does.
absl::Status TakeSlotTurn(postgres::Connection& connection, const std::string& slot);
// Whether somebody has that turn, in this connection's database.
absl::StatusOr<bool> IsSlotTurnTaken(postgres::Connection& connection, const std::string& slot);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_SLOT_TURN_H_
