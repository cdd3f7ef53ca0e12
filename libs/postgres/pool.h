// A bounded set of connections, opened when they are needed.
#ifndef ORDER_SAGA_LIBS_POSTGRES_POOL_H_
#define ORDER_SAGA_LIBS_POSTGRES_POOL_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/postgres/connection.h"

namespace postgres {

// Thread-safe. Leases must not outlive the pool.
class Pool {
 public:
  // A connection, lent; goes back (or, if it broke, is thrown away) when it goes out of scope.
  class Lease {
   public:
    Lease(Pool* pool, std::unique_ptr<Connection> connection)
        : pool_(pool), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    ~Lease() {
      if (connection_ != nullptr) pool_->Return(std::move(connection_));
    }
    Connection& operator*() { return *connection_; }
    Connection* operator->() { return connection_.get(); }

   private:
    Pool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  // What must be true of a new connection before it is lent: migrations, settings, roles.
  using Check = std::function<absl::Status(Connection&)>;

  // At most `size` connections (1 or more). Opens none yet.
  Pool(std::string conninfo, std::string application, int size, Check check = nullptr)
      : conninfo_(std::move(conninfo)),
        application_(std::move(application)),
        check_(std::move(check)),
        size_(size),
        free_slots_(size) {}

  // Waits for a free connection for at most `timeout`, and opens one if need be. ResourceExhausted
  // after the timeout: all are in use. Unavailable: it cannot be opened, the check says no (the
  // message is the check's), or none is free because others are still being opened: to whoever
  // asks, all of these are a database that cannot be used for now.
  absl::StatusOr<Lease> Acquire(absl::Duration timeout);

  // How many may be lent at once, and how many are lent now (or are being opened).
  int size() const { return size_; }
  int in_use() const;

 private:
  void Return(std::unique_ptr<Connection> connection);

  const std::string conninfo_;
  const std::string application_;
  const Check check_;
  const int size_;
  mutable absl::Mutex mutex_;
  int free_slots_ ABSL_GUARDED_BY(mutex_);
  int opening_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<Connection>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace postgres

#endif  // ORDER_SAGA_LIBS_POSTGRES_POOL_H_
