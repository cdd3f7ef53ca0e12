// Where rows of the outbox go among what is parked: healing knows their `seq`, and what is parked
// the log's positions.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HEAL_PARKED_ORDER_H_
#define ORDER_SAGA_OUTBOX_RELAY_HEAL_PARKED_ORDER_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/postgres/connection.h"

namespace relay {

// Before healing: gives what is parked its place by `seq` (as the ordinal, in front of all that the
// log brings). What is no longer in the outbox stays in front, with all before it.
absl::Status BeginEra(postgres::Connection& connection, const std::string& system_id);
// For each scope that has parked rows the `seq` from which on rows go behind some of them: 0 if
// there are some of an earlier era. After BeginEra.
absl::StatusOr<absl::flat_hash_map<int64_t, int64_t>> LoadFirstParked(
    postgres::Connection& connection);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HEAL_PARKED_ORDER_H_
