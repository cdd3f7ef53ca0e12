// Kafka transactions, one after the other, of one producer (KIP-98).
#ifndef ORDER_SAGA_OUTBOX_RELAY_SINK_TRANSACTION_H_
#define ORDER_SAGA_OUTBOX_RELAY_SINK_TRANSACTION_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "outbox-relay/sink/publish_failure.h"

struct rd_kafka_error_s;
struct rd_kafka_s;

namespace relay {

// Used by one thread. A commit, which waits for the brokers for some ten milliseconds, runs on a
// thread of its own; its end makes `wake_fd` (an eventfd) readable.
class Transaction {
 public:
  using Clock = std::chrono::steady_clock;
  using Ticket = uint64_t;

  // `client` has the transactional.id `id`, and outlives this.
  Transaction(rd_kafka_s* client, std::string id, int wake_fd)
      : client_(client), id_(std::move(id)), wake_fd_(wake_fd) {}
  ~Transaction();  // Gives up a commit that is under way: whether it happened is then unknown.
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // Ends what a producer with the same transactional.id has left open, and shuts that one out.
  // Once, before all else. Waits half a minute at most. Unavailable: Kafka does not answer.
  // FailedPrecondition says the fix. Cancelled after a stop request.
  absl::Status ShutOutOthers(std::stop_token stop);

  bool open() const { return phase_ != Phase::kNone; }
  // Takes records: none is open yet, or one that was not closed.
  bool takes() const { return initialised_ && phase_ <= Phase::kOpen; }
  bool closing() const { return phase_ == Phase::kClosing; }
  Clock::time_point since() const { return since_; }
  uint64_t events() const { return events_; }

  // Before each record.
  std::optional<PublishFailure> BeginIfNone(Clock::time_point now);
  void OnTaken() { ++events_; }

  // The transaction has failed by itself: why, as the refusal of that record of it. To be asked
  // only then.
  PublishFailure WhyNot(std::string_view event_id, std::string_view topic);

  // A record has reached Kafka: it counts once the transaction is committed.
  void OnDelivered(Ticket ticket) { delivered_.push_back(ticket); }
  const std::vector<Ticket>& delivered() const { return delivered_; }

  // Nothing more is taken until it is committed.
  void Close() { phase_ = Phase::kClosing; }
  void CommitInBackground();
  // Calls `on_durable` for what was delivered, if a commit has succeeded since; says why if not.
  std::optional<PublishFailure> Collect(absl::FunctionRef<void(Ticket)> on_durable);

 private:
  enum class Phase { kNone, kOpen, kClosing, kCommitting };
  struct Destroy {
    void operator()(rd_kafka_error_s* error) const;
  };
  using Error = std::unique_ptr<rd_kafka_error_s, Destroy>;

  void Commit();

  rd_kafka_s* const client_;
  const std::string id_;
  const int wake_fd_;
  bool initialised_ = false;
  Phase phase_ = Phase::kNone;
  Clock::time_point since_;
  uint64_t events_ = 0;
  std::vector<Ticket> delivered_;
  // Of the one that has failed, once that was asked; there is none after it.
  std::optional<Error> why_not_;

  std::thread committer_;
  std::atomic<bool> given_up_{false};
  absl::Mutex mutex_;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<PublishFailure> failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SINK_TRANSACTION_H_
