// What the threads of one source tell each other and the health checks.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_STATE_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_STATE_H_

#include <atomic>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "outbox-relay/history/confirm_gate.h"
#include "outbox-relay/source/lsn.h"

namespace relay {

// Thread-safe.
class SourceState {
 public:
  // Everything before this is at Kafka.
  void SetConfirmed(Lsn lsn) { confirmed_.store(lsn.value, std::memory_order_release); }
  Lsn confirmed() const { return Lsn{confirmed_.load(std::memory_order_acquire)}; }

  // What of it may be told to Postgres.
  ConfirmGate& gate() { return gate_; }

  // The watch's own connection was cut and cannot be opened again: Postgres may be stopping, and
  // wait for us.
  void SetServerLeaving(bool leaving) { leaving_.store(leaving, std::memory_order_release); }
  bool server_leaving() const { return leaving_.load(std::memory_order_acquire); }

  // Somebody has paused the source: see pause/.
  void SetPaused(bool paused) { paused_.store(paused, std::memory_order_release); }
  bool paused() const { return paused_.load(std::memory_order_acquire); }

  // OK while it streams or waits for another relay to leave; else why not.
  void SetHealth(absl::Status health) {
    absl::MutexLock lock(&mutex_);
    health_ = std::move(health);
  }
  absl::Status health() const {
    absl::MutexLock lock(&mutex_);
    return health_;
  }

 private:
  std::atomic<uint64_t> confirmed_{0};
  std::atomic<bool> leaving_{false};
  std::atomic<bool> paused_{false};
  ConfirmGate gate_;
  mutable absl::Mutex mutex_;
  absl::Status health_ ABSL_GUARDED_BY(mutex_) = absl::UnavailableError("not connected yet");
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_STATE_H_
