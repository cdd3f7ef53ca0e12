// What is asked of the tables outbox_parked_keys and outbox_parked before a stream or a
// healing begins. All of it waits for the database.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKED_AT_START_H_
#define ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKED_AT_START_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/parking/parked_keys.h"
#include "outbox-relay/sink/publish_failure.h"
#include "outbox-relay/source/lsn.h"

namespace relay::parked {

// Puts the event on the list of those that Kafka refuses. Its key, released or not, is parked from
// there on (with `most_keys` its topic, see ParkedKeys); if the event is a parked one, its key is
// parked again.
absl::Status PutOnList(postgres::Connection& connection, const PublishFailure& failure,
                       size_t most_keys);

// What is parked: gives each key to `put`, some thousands at a time, so that an error may come
// behind some. Positions of another cluster are rebased: everything that comes is behind them.
// Answers the commit record that the last event came with, in this cluster's log.
absl::StatusOr<Lsn> Load(postgres::Connection& connection, const std::string& system_id,
                         absl::FunctionRef<void(ParkedKey)> put);
// How many events are parked: an estimate, where counting them takes seconds.
absl::StatusOr<int64_t> CountEvents(postgres::Connection& connection);
// What was given up and may come by in a stream that begins at `from`, while the log ends at
// `flushed`. After Load, so that what is given up in between is known to one of them.
absl::StatusOr<std::vector<Dropped>> LoadDropped(postgres::Connection& connection, Lsn from,
                                                 Lsn flushed);

// FailedPrecondition, with the fix, if the tables are there but not as this release needs them, or
// not for this role: what is parked could be overtaken. NotFound: there are none.
absl::Status CheckTables(postgres::Connection& connection);

}  // namespace relay::parked

#endif  // ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKED_AT_START_H_
