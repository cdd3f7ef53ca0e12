// After a slot was made by hand: what relays have recorded of the one before it counts no more.
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_NEW_HISTORY_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_NEW_HISTORY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "libs/postgres/connection.h"

namespace relay {

// Relays would take a slot that stands ahead of their record for one that somebody has moved. So
// the record begins anew where `slot` stands now; all rows that are there count as published.
// Answers its generation; nothing if there was no record. Aborted: somebody else changes it.
absl::StatusOr<std::optional<int64_t>> BeginNewHistory(postgres::Connection& relay,
                                                       const std::string& slot);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_NEW_HISTORY_H_
