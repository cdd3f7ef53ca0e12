// One transaction with the messages that leave with it, and what is to be done once it is durable.
// Every door (Kafka, gRPC, timers) works in units of this shape.
#ifndef ORDER_SAGA_LIBS_OUTBOX_UNIT_OF_WORK_H_
#define ORDER_SAGA_LIBS_OUTBOX_UNIT_OF_WORK_H_

#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/outbox/outbox.h"
#include "libs/postgres/connection.h"
#include "libs/postgres/transaction.h"

namespace outbox {

// Rolled back, messages and all, when it goes out of scope before Commit(). Not thread-safe.
class UnitOfWork {
 public:
  static absl::StatusOr<UnitOfWork> Begin(postgres::Connection& connection);

  postgres::Transaction& transaction() { return transaction_; }
  Outbox& outbox() { return outbox_; }

  // Runs after a successful Commit, on the committing thread. Nothing else may leave memory before
  // the commit: a transaction that runs twice would show what never was.
  void AfterCommit(std::function<void()> action) { after_commit_.push_back(std::move(action)); }

  // Writes the messages, commits, runs what waits for the commit.
  absl::Status Commit();

  // Runs `part` so that, if it fails, only what it did is undone: rows, messages and after-commit
  // actions. Answers what `part` answered. The messages before it are written first.
  absl::Status RunInSavepoint(const std::function<absl::Status()>& part);

 private:
  explicit UnitOfWork(postgres::Transaction transaction) : transaction_(std::move(transaction)) {}

  postgres::Transaction transaction_;
  Outbox outbox_;
  std::vector<std::function<void()>> after_commit_;
};

}  // namespace outbox

#endif  // ORDER_SAGA_LIBS_OUTBOX_UNIT_OF_WORK_H_
