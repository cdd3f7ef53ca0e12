#include "libs/kafka/consumer.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/kafka/consumer_impl.h"
#include "libs/telemetry/check.h"
#include "libs/telemetry/log.h"

namespace kafka {
namespace {

using std::chrono::milliseconds;
using Clock = Consumer::Impl::Clock;

}  // namespace

absl::StatusOr<std::unique_ptr<Consumer>> Consumer::Create(ConsumerOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  absl::Status status = impl->Open();
  if (!status.ok()) return status;
  return std::unique_ptr<Consumer>(new Consumer(std::move(impl)));
}

Consumer::Consumer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Consumer::~Consumer() {
  if (impl_->client != nullptr) Close(milliseconds(5000)).IgnoreError();
}

absl::StatusOr<std::vector<Message>> Consumer::Poll(milliseconds timeout,
                                                    const PollLimits& limits) {
  ORDER_SAGA_CHECK(impl_->client != nullptr, "Poll after Close");
  if (impl_->restart_wanted.exchange(false)) {
    if (absl::Status restarted = impl_->Restart(); !restarted.ok()) return restarted;
  }
  impl_->taken_away = false;
  impl_->Release();
  const Clock::time_point deadline = Clock::now() + timeout;
  std::vector<Message>& batch = impl_->collected;  // a rebalance inside Take empties it
  std::size_t bytes = 0;
  for (const Message& message : batch) bytes += message.size();

  while (batch.size() < limits.max_messages && bytes < limits.max_bytes) {
    impl_->CommitWhenDue();
    const bool first = batch.empty();
    if (first && impl_->woken.exchange(false)) break;
    const milliseconds wait = first ? impl_->UntilCommitDue(deadline) : milliseconds(0);
    const absl::StatusOr<Impl::Taken> took = impl_->Take(wait);
    if (!took.ok()) return took.status();
    if (*took == Impl::Taken::kMessage) {
      bytes += batch.back().size();
    } else if (*took == Impl::Taken::kNothing && !first) {
      break;
    } else if (first && Clock::now() >= deadline && !impl_->woken) {
      break;
    }
  }
  // A rebalance inside this call has emptied the batch: what is in it is ours.
  impl_->taken_away = false;
  impl_->ForEachOwned(
      batch, [](Impl::Owned& one, std::int64_t behind) { one.read = std::max(one.read, behind); });
  return std::exchange(batch, {});
}

bool Consumer::StillOurs() {
  ORDER_SAGA_CHECK(impl_->client != nullptr, "StillOurs after Close");
  impl_->Hold();
  impl_->CommitWhenDue();
  // What was on its way already is kept for the next Poll. A bound, lest this takes for ever.
  for (int i = 0; i < 1000 && !impl_->taken_away; ++i) {
    const absl::StatusOr<Impl::Taken> took = impl_->Take(milliseconds(0));
    if (!took.ok() || *took == Impl::Taken::kNothing) break;
  }
  return !impl_->taken_away;
}

void Consumer::StoreOffsets(std::span<const Message> batch) {
  impl_->ForEachOwned(
      batch, [](Impl::Owned& one, std::int64_t behind) { one.next = std::max(one.next, behind); });
}

absl::Status Consumer::CommitSync() { return impl_->Commit(Impl::CommitMode::kSync); }

void Consumer::Wakeup() {
  impl_->woken = true;
  const std::lock_guard lock(impl_->mutex);
  if (impl_->queue != nullptr) rd_kafka_queue_yield(impl_->queue);
}

std::size_t Consumer::assignment_size() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->owned.size();
}

absl::Status Consumer::Close(milliseconds timeout) {
  ORDER_SAGA_CHECK(impl_->client != nullptr, "Close is called once");
  return impl_->Close(timeout);
}

}  // namespace kafka
