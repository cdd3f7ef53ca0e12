#ifndef ORDER_SAGA_LIBS_PROGRAM_CANARY_H_
#define ORDER_SAGA_LIBS_PROGRAM_CANARY_H_

#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "libs/postgres/pool.h"

namespace program {

// Sends one saga.v1.Canary a second through the service's own outbox, until a stop is requested, so
// that somebody who listens to `topic` sees the whole way from this database to Kafka work. A
// database that cannot be used is waited for; the log says so, and why.
absl::Status SendCanaries(postgres::Pool& pool, const std::string& service,
                          const std::string& topic, std::stop_token stop);

}  // namespace program

#endif  // ORDER_SAGA_LIBS_PROGRAM_CANARY_H_
