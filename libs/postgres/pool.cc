#include "libs/postgres/pool.h"

#include <utility>

namespace postgres {

absl::StatusOr<Pool::Lease> Pool::Acquire(absl::Duration timeout) {
  std::unique_ptr<Connection> connection;
  {
    absl::MutexLock lock(&mutex_);
    auto has_slot = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return free_slots_ > 0; };
    if (!mutex_.AwaitWithTimeout(absl::Condition(&has_slot), timeout)) {
      if (opening_ > 0) return absl::UnavailableError("the database does not answer");
      return absl::ResourceExhaustedError("all database connections are busy");
    }
    --free_slots_;
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    } else {
      ++opening_;
    }
  }
  if (connection == nullptr) {
    // Opened without the lock: connecting may take seconds.
    absl::StatusOr<Connection> opened = Connection::Open(conninfo_, application_);
    absl::Status sound = opened.status();
    if (sound.ok() && check_ != nullptr) sound = check_(*opened);
    {
      absl::MutexLock lock(&mutex_);
      --opening_;
    }
    if (!sound.ok()) {
      Return(nullptr);
      return absl::UnavailableError(sound.message());
    }
    connection = std::make_unique<Connection>(*std::move(opened));
  }
  return Lease(this, std::move(connection));
}

int Pool::in_use() const {
  absl::MutexLock lock(&mutex_);
  return size_ - free_slots_;
}

void Pool::Return(std::unique_ptr<Connection> connection) {
  const bool usable = connection != nullptr && connection->usable() &&
                      PQtransactionStatus(connection->raw()) == PQTRANS_IDLE;
  std::unique_ptr<Connection> broken;
  absl::MutexLock lock(&mutex_);
  ++free_slots_;
  (usable ? idle_.emplace_back() : broken) = std::move(connection);
}

}  // namespace postgres
