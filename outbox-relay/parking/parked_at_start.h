// What is asked of the tables outbox_parked_keys and outbox_parked before a stream begins, or
// healing does. All of it waits for the database.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKED_AT_START_H_
#define ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKED_AT_START_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/parking/parked_keys.h"
#include "outbox-relay/sink/publish_failure.h"
#include "outbox-relay/source/lsn.h"

namespace relay::parked {

// Puts the event on the list of those that Kafka refuses. Its key, released or not, is parked from
// there on; if the event is a parked one, its key is parked again.
absl::Status PutOnList(postgres::Connection& connection, const PublishFailure& failure);

struct Stored {
  int64_t events = 0;
  Lsn last;  // the commit record that the last of them came with, in this cluster's log
  std::vector<Dropped> dropped;  // those that may come by
};
// What is parked for a stream that begins at `from`, once the events `released` are gone: gives
// each key to `put`, some thousands at a time, so that an error may come behind some. Positions of
// another cluster are rebased: everything that comes is behind them.
absl::StatusOr<Stored> Load(postgres::Connection& connection, const std::string& system_id,
                            Lsn from, const std::vector<std::string>& released,
                            absl::FunctionRef<void(ParkedKey)> put);

// Before healing: all that is parked lies in front of what healing adds and the new stream brings.
absl::Status BeginEra(postgres::Connection& connection, const std::string& system_id);
// For each scope the first of its parked rows that is in the outbox still.
struct FirstParked {
  int64_t seq = 0;
  int32_t era = 0;
};
absl::StatusOr<absl::flat_hash_map<int64_t, FirstParked>> LoadFirstParked(
    postgres::Connection& connection);

// FailedPrecondition, with the fix, if the tables are there but not as this release needs them, or
// not for this role: what is parked could be overtaken. NotFound: there are none.
absl::Status CheckTables(postgres::Connection& connection);

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

#endif  // ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKED_AT_START_H_
