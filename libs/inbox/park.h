// Messages that are held back, with everything behind them of the same saga (tables
// inbox_parked_keys, inbox_parked).
#ifndef ORDER_SAGA_LIBS_INBOX_PARK_H_
#define ORDER_SAGA_LIBS_INBOX_PARK_H_

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/inbox/delivery.h"
#include "libs/postgres/transaction.h"

namespace inbox {

// Which of the batch's keys are parked. Their rows are locked, in the order of the keys.
absl::StatusOr<absl::flat_hash_set<std::string>> LockParkedKeys(postgres::Transaction& transaction,
                                                                absl::Span<Delivery* const> batch);

// Parks a key. Does nothing if it is parked already.
absl::Status ParkKey(postgres::Transaction& transaction, const std::string& key,
                     const std::string& error);

// Puts messages, whose keys are parked, behind those that wait; those that are there or were
// applied already are left out. Answers how many it put.
absl::StatusOr<int64_t> ParkMessages(postgres::Transaction& transaction,
                                     absl::Span<Delivery* const> batch);

}  // namespace inbox

#endif  // ORDER_SAGA_LIBS_INBOX_PARK_H_
