// What is parked is changed by one relay of a source at a time.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PARKING_SOLE_RELAY_H_
#define ORDER_SAGA_OUTBOX_RELAY_PARKING_SOLE_RELAY_H_

#include "absl/status/status.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/source/lsn.h"

namespace relay::parked {

// Who streams from the slot: the server's process, and the position up to which the slot may have
// been confirmed when it was judged.
struct SlotHolder {
  int walsender_pid = 0;
  Lsn judged;
};
// No other relay changes what is parked as long as `connection` lasts: ends the connections of
// those that could. Unavailable: the slot is not this walsender's any more, or not the one that was
// judged.
absl::Status ShutOutOthers(postgres::Connection& connection, const SlotHolder& holder);
// The same for one that heals, and has no slot.
absl::Status ShutOutAll(postgres::Connection& connection);

}  // namespace relay::parked

#endif  // ORDER_SAGA_OUTBOX_RELAY_PARKING_SOLE_RELAY_H_
