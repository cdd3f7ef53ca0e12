// What may be told to Postgres: only what is on record (rule "record first, then tell").
//
// A slot that is further on than the record is then known to have been moved by somebody else,
// whenever and however a relay died. The price: Postgres hears of a position up to a tenth of a
// second later while events flow; a relay that takes over begins at the record, not at the slot, so
// no event is sent again for it.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HISTORY_CONFIRM_GATE_H_
#define ORDER_SAGA_OUTBOX_RELAY_HISTORY_CONFIRM_GATE_H_

#include <atomic>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "outbox-relay/history/acked_offsets.h"
#include "outbox-relay/history/record.h"

namespace relay {

// Thread-safe. The stream's thread opens and asks, the watch's thread records.
class ConfirmGate {
 public:
  struct Session {
    int64_t number = 0;
    // Identity, slot and generation of what is streamed, and what was on record at its start.
    HistoryRecord base;
    // False: Kafka was away when the stream started. Nothing is recorded, so nothing is told,
    // until the topic's copy was compared.
    bool topic_read = false;
  };

  // The stream's side. A stream begins on a history that was judged.
  void Open(HistoryRecord base, bool topic_read) {
    absl::MutexLock lock(&mutex_);
    const int64_t number = ++sessions_;
    recorded_.store(base.confirmed.value, std::memory_order_release);
    offsets_.Merge(base.offsets);
    session_ = Session{number, std::move(base), topic_read};
    refused_.store(false, std::memory_order_release);
  }
  // What was recorded is of a history that is no more: nothing is known to be at Kafka.
  void Forget() {
    absl::MutexLock lock(&mutex_);
    recorded_.store(0, std::memory_order_release);
    session_.reset();
  }
  // Positions up to here may be told.
  Lsn recorded() const { return Lsn{recorded_.load(std::memory_order_acquire)}; }
  // Not OK once the history has turned out to be another while the stream ran: it must end.
  absl::Status refusal() const {
    if (!refused_.load(std::memory_order_acquire)) return absl::OkStatus();
    absl::MutexLock lock(&mutex_);
    return refusal_;
  }
  // After the last acknowledgement of a stop.
  void EndStream() {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
  }

  // The watch's side.
  std::optional<Session> session() const {
    absl::MutexLock lock(&mutex_);
    return session_;
  }
  // What is said about a session that is over does nothing.
  void SetRecorded(int64_t session, Lsn recorded) {
    absl::MutexLock lock(&mutex_);
    if (session_ && session_->number == session && recorded > this->recorded()) {
      recorded_.store(recorded.value, std::memory_order_release);
    }
  }
  void SetTopicRead(int64_t session) {
    absl::MutexLock lock(&mutex_);
    if (session_ && session_->number == session) session_->topic_read = true;
  }
  void Refuse(int64_t session, absl::Status why) {
    absl::MutexLock lock(&mutex_);
    if (!session_ || session_->number != session) return;
    refusal_ = std::move(why);
    refused_.store(true, std::memory_order_release);
  }
  void AwaitStreamEnd(absl::Duration timeout) {
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&ended_), timeout);
  }

  // Noted by the producer.
  AckedOffsets& offsets() { return offsets_; }

 private:
  AckedOffsets offsets_;
  std::atomic<uint64_t> recorded_{0};
  std::atomic<bool> refused_{false};
  mutable absl::Mutex mutex_;
  int64_t sessions_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<Session> session_ ABSL_GUARDED_BY(mutex_);
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HISTORY_CONFIRM_GATE_H_
