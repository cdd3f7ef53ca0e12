#include "outbox-relay/pause/pause_row.h"

#include "absl/functional/function_ref.h"
#include "libs/postgres/result.h"
#include "libs/postgres/sql_error.h"

namespace relay {

namespace {

using Answer = absl::StatusOr<postgres::Result>;

// All values are texts: a replication connection has the simple protocol only.
absl::StatusOr<std::optional<PauseRow>> Read(absl::FunctionRef<Answer(const char*)> ask) {
  // Asked first: a statement that fails would stand in the server's log, again and again.
  const Answer readable = ask(
      "SELECT coalesce(has_table_privilege(to_regclass('outbox_pause'), 'SELECT'), false)::text");
  if (!readable.ok()) return readable.status();
  if (readable->Text(0, 0) != "true") return std::nullopt;
  const Answer row =
      ask("SELECT paused_by, reason, date_trunc('second', paused_at)::text FROM outbox_pause");
  if (!row.ok()) return row.status();
  if (row->rows() == 0) return std::nullopt;
  return PauseRow{.by = std::string(row->Text(0, 0)),
                  .reason = std::string(row->Text(0, 1)),
                  .since = std::string(row->Text(0, 2))};
}

}  // namespace

absl::StatusOr<std::optional<PauseRow>> ReadPause(PGconn* replication) {
  return Read([replication](const char* sql) -> Answer {
    postgres::Result result(PQexec(replication, sql));
    if (!result.ok()) return postgres::ErrorFrom(replication, result.raw(), "outbox_pause");
    return result;
  });
}

absl::StatusOr<std::optional<PauseRow>> ReadPause(postgres::Connection& connection) {
  return Read([&connection](const char* sql) { return connection.Execute(sql); });
}

}  // namespace relay
