// One SQL statement at a time, without waiting for its answer.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PARKING_STATEMENT_H_
#define ORDER_SAGA_OUTBOX_RELAY_PARKING_STATEMENT_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/postgres/connection.h"

namespace relay {

// A connection of its own, which also listens. Not thread-safe. Errors as in sql_error.h; after
// Unavailable the connection is gone, and nobody knows whether the statement was carried out.
class Statement {
 public:
  // Waits, for connecting and for the answers of what runs here. `channel`: what to LISTEN to.
  static absl::StatusOr<Statement> Open(const std::string& conninfo, const std::string& channel);

  // For what may be waited for.
  postgres::Connection& connection() { return connection_; }

  // poll(2) for reading, running or not: notifications come at any time.
  int fd() { return PQsocket(connection_.raw()); }

  // Nothing may be running.
  absl::Status Start(const char* sql, const postgres::Params& params);

  // Takes what has come; the answer, once it is whole. Sets `notified` if there was a notification.
  absl::StatusOr<std::optional<postgres::Result>> Poll(bool& notified);

 private:
  explicit Statement(postgres::Connection connection) : connection_(std::move(connection)) {}

  postgres::Connection connection_;
  bool running_ = false;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_PARKING_STATEMENT_H_
