// One connection to Postgres.
#ifndef ORDER_SAGA_LIBS_POSTGRES_CONNECTION_H_
#define ORDER_SAGA_LIBS_POSTGRES_CONNECTION_H_

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/postgres/params.h"
#include "libs/postgres/result.h"

namespace postgres {

// Not thread-safe; used by one thread at a time. Errors: sql_error.h.
class Connection {
 public:
  // `conninfo` is libpq's: a URI or keywords. Unless it says otherwise a connection attempt takes
  // at most 5 s, a peer that vanished is noticed within 20 s (tcp_user_timeout, keepalives), and
  // the session is named `application`.
  static absl::StatusOr<Connection> Open(const std::string& conninfo, std::string_view application);

  // One statement, prepared at its first use on this connection: `sql` should be one of a bounded
  // set of texts. Aborted, and the connection no longer usable, if what was prepared is no longer
  // valid: a migration has changed a table, or a pooler the server's session.
  absl::StatusOr<Result> Execute(std::string_view sql, const Params& params = Params());

  // One or more statements without parameters, by the simple protocol. For migrations and settings.
  absl::Status ExecuteScript(const std::string& sql);

  // From now on a statement that is not answered in time makes the connection unusable:
  // Unavailable. A server that hangs on a machine that lives is noticed by nothing else: TCP is
  // acknowledged, and statement_timeout is the server's own. Without it a statement waits for ever.
  void SetAnswerTimeout(std::chrono::milliseconds timeout) { answer_timeout_ = timeout; }

  // Not every server has all of them. Also for connections that libpq alone keeps.
  static constexpr char kLiftTimeouts[] =
      "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('statement_timeout', "
      "'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')";
  // Lifts what the role, the database or the server limits: how long a statement or a transaction
  // may last, and how long a session may be idle. For sessions that are kept.
  absl::Status LiftTimeouts();

  // False after the connection, its prepared statements or an answer was lost: open another.
  bool usable() const { return !stale_ && PQstatus(connection_.get()) == CONNECTION_OK; }

  // For what this class does not cover (LISTEN, notifications, sockets). Still owned by this.
  PGconn* raw() { return connection_.get(); }

 private:
  explicit Connection(PGconn* connection) : connection_(connection, &PQfinish) {}

  // The name of the prepared statement for `sql`.
  absl::StatusOr<std::string> Prepare(std::string_view sql, const Params& params);

  // The answer to what was sent; `sent` is what libpq said to that.
  absl::StatusOr<Result> Await(int sent, std::string_view sql);

  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
  absl::flat_hash_map<std::string, std::string> prepared_;  // text → name
  bool stale_ = false;
  std::optional<std::chrono::milliseconds> answer_timeout_;
};

}  // namespace postgres

#endif  // ORDER_SAGA_LIBS_POSTGRES_CONNECTION_H_
