// A transaction: everything in it, or nothing.
#ifndef ORDER_SAGA_LIBS_POSTGRES_TRANSACTION_H_
#define ORDER_SAGA_LIBS_POSTGRES_TRANSACTION_H_

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/postgres/connection.h"

namespace postgres {

// READ COMMITTED. Rolled back when it goes out of scope before Commit(). Does not own the
// connection, which must outlive it. Not thread-safe.
class Transaction {
 public:
  static absl::StatusOr<Transaction> Begin(Connection& connection);

  Transaction(Transaction&& other) noexcept
      : connection_(std::exchange(other.connection_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  absl::StatusOr<Result> Execute(std::string_view sql, const Params& params = Params());

  // After Unavailable nobody knows whether it was committed (the connection broke in between):
  // look, or do it again in a way that repeats nothing.
  absl::Status Commit();

  // One savepoint at a time: what fails after it can be undone alone.
  absl::Status SetSavepoint();
  absl::Status RollbackToSavepoint();
  absl::Status ReleaseSavepoint();

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}

  Connection* connection_;  // null once it has ended
};

}  // namespace postgres

#endif  // ORDER_SAGA_LIBS_POSTGRES_TRANSACTION_H_
