#include "libs/postgres/transaction.h"

namespace postgres {

absl::StatusOr<Transaction> Transaction::Begin(Connection& connection) {
  if (auto begun = connection.Execute("BEGIN"); !begun.ok()) return begun.status();
  return Transaction(connection);
}

Transaction::~Transaction() {
  // A failure here means that the connection is gone, and the server rolls back by itself.
  if (connection_ != nullptr) connection_->ExecuteScript("ROLLBACK").IgnoreError();
}

absl::StatusOr<Result> Transaction::Execute(std::string_view sql, const Params& params) {
  return connection_->Execute(sql, params);
}

absl::Status Transaction::Commit() {
  Connection* connection = std::exchange(connection_, nullptr);
  auto committed = connection->Execute("COMMIT");
  if (!committed.ok()) return committed.status();
  // COMMIT of a transaction with a failed statement answers ROLLBACK, as a success.
  if (std::string_view(PQcmdStatus(const_cast<PGresult*>(committed->raw()))) != "COMMIT") {
    return absl::InternalError("COMMIT rolled back: a statement of the transaction had failed");
  }
  return absl::OkStatus();
}

absl::Status Transaction::SetSavepoint() { return connection_->Execute("SAVEPOINT one").status(); }

absl::Status Transaction::RollbackToSavepoint() {
  return connection_->Execute("ROLLBACK TO SAVEPOINT one").status();
}

absl::Status Transaction::ReleaseSavepoint() {
  return connection_->Execute("RELEASE SAVEPOINT one").status();
}

}  // namespace postgres
