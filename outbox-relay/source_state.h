// What the threads of one source tell each other and the health checks.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_STATE_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_STATE_H_

#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
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

  // An event waits for its topic: there is none, it has no leader, or no broker says.
  void SetAwaitsTopic(bool awaits) { awaits_topic_.store(awaits, std::memory_order_release); }
  bool awaits_topic() const { return awaits_topic_.load(std::memory_order_acquire); }

  // Postgres answered just now, and this was the end of its log.
  void SetLogEnd(Lsn end, std::chrono::steady_clock::time_point now) {
    absl::MutexLock lock(&mutex_);
    log_end_ = end;
    answered_ = now;
  }
  // That, unless it is older than `age`.
  std::optional<Lsn> LogEnd(std::chrono::steady_clock::time_point now,
                            std::chrono::milliseconds age) const {
    absl::MutexLock lock(&mutex_);
    return answered_ && now - *answered_ <= age ? std::optional(log_end_) : std::nullopt;
  }

  // OK while it streams or waits for another relay to leave; else why not.
  void SetHealth(absl::Status health) {
    absl::MutexLock lock(&mutex_);
    health_ = std::move(health);
  }
  absl::Status health() const {
    absl::MutexLock lock(&mutex_);
    return health_;
  }
  // The same, but not OK either if Postgres has answered nothing for `patience`: a stream does not
  // notice a server that hangs.
  absl::Status Readiness(std::chrono::steady_clock::time_point now,
                         std::chrono::seconds patience) const {
    absl::MutexLock lock(&mutex_);
    if (!health_.ok() || !answered_ || now - *answered_ <= patience) return health_;
    return absl::UnavailableError(
        absl::StrCat("Postgres has not answered for ", patience.count(), " s"));
  }

 private:
  std::atomic<uint64_t> confirmed_{0};
  std::atomic<bool> leaving_{false};
  std::atomic<bool> paused_{false};
  ConfirmGate gate_;
  std::atomic<bool> awaits_topic_{false};
  mutable absl::Mutex mutex_;
  Lsn log_end_ ABSL_GUARDED_BY(mutex_);
  std::optional<std::chrono::steady_clock::time_point> answered_ ABSL_GUARDED_BY(mutex_);
  absl::Status health_ ABSL_GUARDED_BY(mutex_) = absl::UnavailableError("not connected yet");
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_STATE_H_
