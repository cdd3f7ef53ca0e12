#include "outbox-relay/parking/statement.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/postgres/sql_error.h"
#include "libs/telemetry/check.h"

namespace relay {

absl::StatusOr<Statement> Statement::Open(const std::string& conninfo, const std::string& channel) {
  absl::StatusOr<postgres::Connection> connection =
      postgres::Connection::Open(conninfo, "outbox-relay parking");
  if (!connection.ok()) return connection.status();
  if (absl::Status lifted = connection->LiftTimeouts(); !lifted.ok()) return lifted;
  // No statistics are ever right about a table that fills and empties: without the last two a lap
  // of a release may sort all that is parked of a key.
  const absl::Status listens = connection->ExecuteScript(
      absl::StrCat("SET lock_timeout = '5s'; SET statement_timeout = '60s'; "
                   "SET synchronous_commit = on; SET enable_sort = off; "
                   "SET enable_bitmapscan = off; LISTEN ",
                   channel));
  if (!listens.ok()) return listens;
  return Statement(*std::move(connection));
}

absl::Status Statement::Start(const char* sql, const postgres::Params& params) {
  ORDER_SAGA_CHECK(!running_, "one statement runs at a time");
  static constexpr int kBinary = 1;
  const std::vector<const char*> values = params.values();
  const std::vector<int> formats(static_cast<size_t>(params.size()), kBinary);
  if (PQsendQueryParams(connection_.raw(), sql, params.size(), params.types().data(), values.data(),
                        params.lengths().data(), formats.data(), kBinary) == 0) {
    return postgres::ErrorFrom(connection_.raw(), nullptr, "parking");
  }
  running_ = true;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<postgres::Result>> Statement::Poll(bool& notified) {
  PGconn* const raw = connection_.raw();
  if (PQconsumeInput(raw) == 0) return postgres::ErrorFrom(raw, nullptr, "parking");
  while (PGnotify* const notification = PQnotifies(raw)) {
    PQfreemem(notification);
    notified = true;
  }
  if (!running_ || PQisBusy(raw) != 0) return std::nullopt;
  postgres::Result result(PQgetResult(raw));
  running_ = false;
  // A statement has one answer; what follows only says that there are no more.
  while (PGresult* const more = PQgetResult(raw)) PQclear(more);
  if (!result.ok()) return postgres::ErrorFrom(raw, result.raw(), "parking");
  return std::optional<postgres::Result>(std::move(result));
}

}  // namespace relay
