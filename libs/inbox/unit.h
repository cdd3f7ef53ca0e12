// What the Kafka door does with one batch inside the database: the part of the door without Kafka.
#ifndef ORDER_SAGA_LIBS_INBOX_UNIT_H_
#define ORDER_SAGA_LIBS_INBOX_UNIT_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "libs/inbox/delivery.h"
#include "libs/inbox/handler.h"
#include "libs/postgres/connection.h"
#include "libs/uuid/uuid.h"

namespace inbox {

// What became of a batch's messages: they add up to its size.
struct Outcomes {
  int64_t applied = 0;
  int64_t duplicates = 0;
  int64_t parked = 0;
  int64_t dead_letters = 0;

  int64_t messages() const { return applied + duplicates + parked + dead_letters; }
  Outcomes& operator+=(const Outcomes& more);
};

// Applies the batch in one transaction: each message once (table inbox), those of parked sagas
// parked, unreadable ones to the dead letters. `oldest` is the smallest id that is remembered (its
// day has a partition, and lies behind the inbox's floor): an older UUIDv7 could be a repeat that
// nobody remembers, and is a dead letter.
//
// If a message may be at fault, everything is rolled back and runs again in transactions of
// at most 64 messages, each behind a savepoint; the message that fails alone is parked, and what
// follows of its saga behind it. Any other error: nothing of the last transaction happened. Those
// that `outcomes` counts, from the batch's beginning, are done; the others may be given again.
absl::Status ApplyBatch(postgres::Connection& connection, Handler& handler,
                        const uuid::Uuid& oldest, absl::Span<Delivery> batch, Outcomes& outcomes);

}  // namespace inbox

#endif  // ORDER_SAGA_LIBS_INBOX_UNIT_H_
