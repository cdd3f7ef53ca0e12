#include "libs/outbox/unit_of_work.h"

namespace outbox {

absl::StatusOr<UnitOfWork> UnitOfWork::Begin(postgres::Connection& connection) {
  auto transaction = postgres::Transaction::Begin(connection);
  if (!transaction.ok()) return transaction.status();
  return UnitOfWork(*std::move(transaction));
}

absl::Status UnitOfWork::Commit() {
  if (absl::Status flushed = outbox_.Flush(transaction_); !flushed.ok()) return flushed;
  if (absl::Status committed = transaction_.Commit(); !committed.ok()) return committed;
  for (const auto& action : std::exchange(after_commit_, {})) action();
  return absl::OkStatus();
}

absl::Status UnitOfWork::RunInSavepoint(const std::function<absl::Status()>& part) {
  if (absl::Status flushed = outbox_.Flush(transaction_); !flushed.ok()) return flushed;
  if (absl::Status set = transaction_.SetSavepoint(); !set.ok()) return set;
  const size_t actions_before = after_commit_.size();
  absl::Status done = part();
  // The part's messages belong to it: if one cannot be written, the part has failed.
  if (done.ok()) done = outbox_.Flush(transaction_);
  if (done.ok()) return transaction_.ReleaseSavepoint();
  outbox_.Clear();
  after_commit_.resize(actions_before);
  absl::Status undone = transaction_.RollbackToSavepoint();
  return undone.ok() ? done : undone;
}

}  // namespace outbox
