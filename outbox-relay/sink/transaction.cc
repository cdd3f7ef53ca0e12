#include "outbox-relay/sink/transaction.h"

#include <librdkafka/rdkafka.h>
#include <sys/eventfd.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/waiting/until_stop.h"

namespace relay {
namespace {

constexpr int kSlice = 500;  // ms: how soon what waits for the brokers is given up
constexpr std::chrono::seconds kPatience(30);
// Some errors that pass come at once.
constexpr std::chrono::milliseconds kAgain(20);

PublishFailure FailureOf(const rd_kafka_error_t* error) {
  PublishFailure failure =
      MakePublishFailure(rd_kafka_error_code(error), rd_kafka_error_string(error), "", "");
  // Whatever it was, it is about the transaction and not about an event.
  failure.kind = PublishFailure::Kind::kProducerBroken;
  return failure;
}

}  // namespace

void Transaction::Destroy::operator()(rd_kafka_error_s* error) const {
  rd_kafka_error_destroy(error);
}

Transaction::~Transaction() {
  given_up_.store(true);
  if (committer_.joinable()) committer_.join();
}

absl::Status Transaction::ShutOutOthers(std::stop_token stop) {
  const Clock::time_point deadline = Clock::now() + kPatience;
  for (;;) {
    const Error error(rd_kafka_init_transactions(client_, kSlice));
    initialised_ = error == nullptr;
    if (initialised_) return absl::OkStatus();
    if (stop.stop_requested()) return absl::CancelledError("stopping");
    const bool passes = rd_kafka_error_is_retriable(error.get()) != 0;
    if (passes && Clock::now() < deadline) {  // goes on where it was
      waiting::UntilStop(stop, kAgain);
      continue;
    }
    const std::string text =
        absl::StrCat("Kafka's transactions cannot be begun: ", rd_kafka_error_string(error.get()));
    if (passes || rd_kafka_error_is_fatal(error.get()) == 0) return absl::UnavailableError(text);
    return absl::FailedPreconditionError(absl::StrCat(
        text, ". Fix: allow the relay's principal to WRITE and DESCRIBE the transactional id ", id_,
        ", or run without --exactly_once"));
  }
}

std::optional<PublishFailure> Transaction::BeginIfNone(Clock::time_point now) {
  if (phase_ != Phase::kNone) return std::nullopt;
  const Error error(rd_kafka_begin_transaction(client_));
  if (error != nullptr) return FailureOf(error.get());
  phase_ = Phase::kOpen;
  since_ = now;
  events_ = 0;
  return std::nullopt;
}

PublishFailure Transaction::WhyNot(std::string_view event_id, std::string_view topic) {
  PublishFailure failure;
  failure.reason = "the transaction has failed";
  failure.fix = "none needed: a new producer starts over";
  if (phase_ == Phase::kCommitting) return failure;
  if (!why_not_) {
    // Does nothing then but say so, as soon as librdkafka's own thread comes to it. (Without
    // waiting for that it says "timed out", and the event that it was about stays unknown.)
    why_not_.emplace(rd_kafka_commit_transaction(client_, kSlice));
  }
  const rd_kafka_error_t* const error = why_not_->get();
  if (error == nullptr) return failure;
  return MakePublishFailure(rd_kafka_error_code(error), rd_kafka_error_string(error), event_id,
                            topic);
}

void Transaction::CommitInBackground() {
  phase_ = Phase::kCommitting;
  committer_ = std::thread([this] { Commit(); });
}

void Transaction::Commit() {
  std::optional<PublishFailure> failure;
  for (;;) {
    const Error error(rd_kafka_commit_transaction(client_, kSlice));
    if (error == nullptr) break;
    if (rd_kafka_error_is_retriable(error.get()) != 0 && !given_up_.load()) {
      std::this_thread::sleep_for(kAgain);
      continue;
    }
    failure = FailureOf(error.get());
    break;
  }
  {
    absl::MutexLock lock(&mutex_);
    done_ = true;
    failure_ = std::move(failure);
  }
  eventfd_write(wake_fd_, 1);
}

std::optional<PublishFailure> Transaction::Collect(absl::FunctionRef<void(Ticket)> on_durable) {
  if (phase_ != Phase::kCommitting) return std::nullopt;
  {
    absl::MutexLock lock(&mutex_);
    if (!std::exchange(done_, false)) return std::nullopt;
    if (failure_) return failure_;
  }
  committer_.join();
  phase_ = Phase::kNone;
  for (const Ticket ticket : delivered_) on_durable(ticket);
  delivered_.clear();
  return std::nullopt;
}

}  // namespace relay
