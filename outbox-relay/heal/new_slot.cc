#include "outbox-relay/heal/new_slot.h"

#include <poll.h>

#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/outbox/slot.h"
#include "libs/postgres/quote.h"
#include "libs/postgres/result.h"
#include "libs/postgres/sql_error.h"
#include "outbox-relay/source/replication_checks.h"

namespace relay {
namespace {

// False: given up. True too if the connection is lost; the result says so.
bool AwaitAnswer(PGconn* connection, absl::FunctionRef<bool()> give_up) {
  while (PQisBusy(connection) != 0) {
    if (give_up()) return false;
    pollfd socket = {PQsocket(connection), POLLIN, 0};
    poll(&socket, 1, 200);
    if (PQconsumeInput(connection) == 0) return true;
  }
  return true;
}

// A server that waits for a stranger's transaction does not see that we are gone, and would keep
// the slot until that ends.
void Cancel(PGconn* connection) {
  const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> cancel(PQgetCancel(connection),
                                                                  &PQfreeCancel);
  char error[256];
  if (cancel == nullptr || PQcancel(cancel.get(), error, sizeof error) != 1) return;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  AwaitAnswer(connection, [until] { return std::chrono::steady_clock::now() >= until; });
}

// One command on a replication connection, which may take as long as a stranger's transaction.
absl::StatusOr<postgres::Result> Run(PGconn* connection, const std::string& command,
                                     absl::FunctionRef<bool()> leave) {
  if (PQsendQuery(connection, command.c_str()) != 1) {
    return postgres::ErrorFrom(connection, nullptr, command);
  }
  if (!AwaitAnswer(connection, leave)) {
    Cancel(connection);
    return absl::CancelledError("leaving off");
  }
  postgres::Result result(PQgetResult(connection));
  while (PGresult* rest = PQgetResult(connection)) PQclear(rest);
  if (!result.ok()) return postgres::ErrorFrom(connection, result.raw(), command);
  return result;
}

absl::StatusOr<NewSlot> Make(PgConnection connection, const std::string& name,
                             absl::FunctionRef<bool()> leave) {
  // As outbox::CreateSlotStatement makes it; the old syntax before, which 14 needs.
  const bool may_fail_over = PQserverVersion(connection.get()) >= outbox::kFailoverSlotsSince;
  auto made =
      Run(connection.get(),
          absl::StrCat("CREATE_REPLICATION_SLOT ", postgres::QuoteIdentifier(name),
                       " LOGICAL pgoutput ",
                       may_fail_over ? "(SNAPSHOT 'export', FAILOVER true)" : "EXPORT_SNAPSHOT"),
          leave);
  if (!made.ok()) return made.status();
  absl::StatusOr<Lsn> begin = ParseLsn(made->Text(0, 1));
  if (!begin.ok()) return begin.status();
  std::string snapshot(made->Text(0, 2));
  return NewSlot{std::move(connection), std::move(snapshot), *begin};
}

absl::StatusOr<PgConnection> Connect(const std::string& conninfo) {
  auto connection = ConnectForReplication(conninfo, std::chrono::seconds(60), /*stop_fd=*/-1);
  if (!connection.ok()) return connection;
  // It keeps the snapshot in an idle transaction.
  postgres::Result lifted(PQexec(connection->get(), postgres::Connection::kLiftTimeouts));
  if (!lifted.ok()) {
    return postgres::ErrorFrom(connection->get(), lifted.raw(), "lifting the session's timeouts");
  }
  return connection;
}

}  // namespace

absl::StatusOr<NewSlot> CreateSlot(const std::string& conninfo, const std::string& name,
                                   absl::FunctionRef<bool()> leave) {
  absl::StatusOr<PgConnection> connection = Connect(conninfo);
  if (!connection.ok()) return connection.status();
  absl::StatusOr<NewSlot> made = Make(*std::move(connection), name, leave);
  if (postgres::SqlState(made.status()) == "42710") {
    return absl::AlreadyExistsError(absl::StrCat("the slot ", name, " was made by somebody else"));
  }
  return made;
}

absl::StatusOr<NewSlot> RecreateSlot(const std::string& conninfo, const SlotState& old,
                                     absl::FunctionRef<bool()> leave) {
  absl::StatusOr<PgConnection> connection = Connect(conninfo);
  if (!connection.ok()) return connection.status();
  absl::StatusOr<SlotState> now = ReadSlot(connection->get(), old.name);
  if (!now.ok()) return now.status();
  if (now->exists) {
    if (!now->ours() || !now->active_pid.empty()) return CheckSlotState(*now);
    auto dropped =
        Run(connection->get(),
            absl::StrCat("DROP_REPLICATION_SLOT ", postgres::QuoteIdentifier(old.name)), leave);
    if (!dropped.ok()) return dropped.status();
  }
  return Make(*std::move(connection), old.name, leave);
}

absl::Status OpenSnapshot(postgres::Connection& connection, const NewSlot& slot) {
  return connection.ExecuteScript(absl::StrCat(
      "SET row_security = off; BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET TRANSACTION "
      "SNAPSHOT ",
      postgres::QuoteLiteral(slot.snapshot)));
}

}  // namespace relay
