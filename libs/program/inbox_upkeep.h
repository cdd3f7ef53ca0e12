#ifndef ORDER_SAGA_LIBS_PROGRAM_INBOX_UPKEEP_H_
#define ORDER_SAGA_LIBS_PROGRAM_INBOX_UPKEEP_H_

#include <stop_token>

#include "absl/status/status.h"
#include "libs/postgres/pool.h"
#include "prometheus/registry.h"

namespace program {

// Each hour, until a stop is requested: has the partitions of inbox and outbox made for the days
// ahead, raises the floor of what the inbox remembers to `window_days` ago, and has what is below
// it emptied and dropped. Several replicas may do so at once. A database that is away, or a lock
// that is not to be had, is tried again; the log says what needs somebody's hand.
absl::Status KeepInbox(postgres::Pool& pool, int window_days, prometheus::Registry& metrics,
                       std::stop_token stop);

}  // namespace program

#endif  // ORDER_SAGA_LIBS_PROGRAM_INBOX_UPKEEP_H_
