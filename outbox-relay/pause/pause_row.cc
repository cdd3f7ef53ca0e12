#include "outbox-relay/pause/pause_row.h"

#include "libs/postgres/result.h"
#include "libs/postgres/sql_error.h"

namespace relay {

// PQexec: a replication connection has the simple protocol only, whose values are texts.
absl::StatusOr<std::optional<PauseRow>> ReadPause(PGconn* connection) {
  // Asked first: a statement that fails would stand in the server's log, again and again.
  postgres::Result readable(PQexec(
      connection,
      "SELECT coalesce(has_table_privilege(to_regclass('outbox_pause'), 'SELECT'), false)::text"));
  if (!readable.ok()) return postgres::ErrorFrom(connection, readable.raw(), "outbox_pause");
  if (readable.Text(0, 0) != "true") return std::nullopt;
  postgres::Result row(PQexec(connection,
                              "SELECT paused_by, reason, date_trunc('second', paused_at)::text "
                              "FROM outbox_pause"));
  if (!row.ok()) return postgres::ErrorFrom(connection, row.raw(), "outbox_pause");
  if (row.rows() == 0) return std::nullopt;
  return PauseRow{.by = std::string(row.Text(0, 0)),
                  .reason = std::string(row.Text(0, 1)),
                  .since = std::string(row.Text(0, 2))};
}

}  // namespace relay
