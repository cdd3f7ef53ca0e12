// Whether a position that was remembered still means something.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_WAL_IDENTITY_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_WAL_IDENTITY_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/source/lsn.h"

namespace relay {

// Which history of writes a server has.
struct WalIdentity {
  std::string system_id;  // made by initdb; a copy of the data folder has the same
  uint32_t timeline = 0;  // counts promotions and restores
  Lsn flushed;            // how far its log is safely written
};

// How far the server's log is safely written by now. Waits.
absl::StatusOr<Lsn> EndOfLog(postgres::Connection& connection);

// OK if `remembered`, a position in the history `before`, is one in the history `now` as well. Else
// DataLoss, with what happened and what can be done: going on there would skip events in silence.
absl::Status CheckSameHistory(const WalIdentity& before, const WalIdentity& now, Lsn remembered);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_WAL_IDENTITY_H_
