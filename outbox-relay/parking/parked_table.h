// The tables outbox_parked_keys and outbox_parked, as the relay reads and writes them while it
// streams: statements for Statement.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKED_TABLE_H_
#define ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKED_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "libs/postgres/connection.h"
#include "outbox-relay/parking/park_batch.h"
#include "outbox-relay/parking/parked_keys.h"
#include "outbox-relay/source/event.h"

namespace relay::parked {

// Notified by whoever releases something.
inline constexpr char kChannel[] = "outbox_parked";

// A statement and its parameters.
struct Query {
  const char* sql;
  postgres::Params params;
};

// Makes the rows of the batch's new keys; answers (scope, topic, name, released) for each of them.
// For fewer if another relay has got the slot meanwhile, or knows better. `walsender_pid`: who has
// the slot; 0: nobody streams, and this is the one relay that heals.
Query OpenKeys(const ParkBatch& batch, const std::string& system_id, int walsender_pid);
// Its answer: gives the batch's new keys their scopes. False if one of them got none.
bool TakeScopes(const postgres::Result& result, ParkBatch& batch);
// Idempotent: an event that is there stays as it is. 23503: a key is not parked any more.
Query InsertEvents(const ParkBatch& batch);

// Releases the keys that are parked because their topic did not exist, of topics that do now.
Query ReleaseFoundTopics(const std::vector<std::string>& topics);

// The (scope) of the keys that are released, in the order in which they were.
Query ReleasedKeys();
// The next events of these keys, each key's in order, dropped ones left out: some 2,000 and 1 MiB
// at most. See RowOf.
Query FetchEvents(const std::vector<int64_t>& scopes);
struct Row {
  int64_t scope;
  Event event;  // views into the result, and `id`
};
Row RowOf(const postgres::Result& result, int row);
Query DeleteEvents(const std::vector<std::string>& ids);
// Removes those that are released and have no events; answers their (scope).
Query ForgetKeys(const std::vector<int64_t>& scopes);
// Parks a released key again.
Query HoldKey(int64_t scope, const std::string& poison_id, const Refusal& refusal);

}  // namespace relay::parked

#endif  // ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKED_TABLE_H_
