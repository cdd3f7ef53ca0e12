// The row in the source's database that says: publish nothing.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PAUSE_PAUSE_ROW_H_
#define ORDER_SAGA_OUTBOX_RELAY_PAUSE_PAUSE_ROW_H_

#include <libpq-fe.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "libs/postgres/connection.h"

namespace relay {

struct PauseRow {
  std::string by;
  std::string reason;  // may be empty
  std::string since;   // as Postgres writes a timestamptz
};

// Nothing: not paused, or this database has no such table (or none that the role may read), and
// then nobody can have paused it.
absl::StatusOr<std::optional<PauseRow>> ReadPause(postgres::Connection& connection);
absl::StatusOr<std::optional<PauseRow>> ReadPause(PGconn* replication);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_PAUSE_PAUSE_ROW_H_
