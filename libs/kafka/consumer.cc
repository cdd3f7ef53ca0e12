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

using Pair = std::pair<std::string_view, std::string_view>;

constexpr Pair kDefaults[] = {
    // A member that was killed is replaced after this long; the broker's minimum by default.
    {"session.timeout.ms", "6000"},
    {"heartbeat.interval.ms", "1500"},
    // How long the group waits for us at a rebalance, so not longer than a batch may take.
    {"max.poll.interval.ms", "300000"},
    // A missing topic is found within this time.
    {"topic.metadata.refresh.interval.ms", "5000"},
    // An idle broker answers a fetch the moment there is something.
    {"fetch.min.bytes", "1"},
    {"fetch.wait.max.ms", "500"},
    // Memory. librdkafka 2.0 pauses fetching for a whole second when the queue is full, so it must
    // hold what a door handles in a second (this much: 40,000 messages of 400 bytes).
    {"queued.max.messages.kbytes", "16384"},
    {"fetch.max.bytes", "8388608"},
    {"socket.nagle.disable", "true"},
    {"isolation.level", "read_committed"},
};

constexpr Pair kRequired[] = {
    // We commit ourselves: librdkafka's own commits can go out for partitions already lost.
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "earliest"},
    // Eager: librdkafka 2.0's cooperative rebalances can lose an assignment.
    {"partition.assignment.strategy", "range"},
};

}  // namespace

absl::StatusOr<std::unique_ptr<Consumer>> Consumer::Create(ConsumerOptions options) {
  absl::StatusOr<Conf> conf = MakeConf(options.settings, kDefaults, kRequired);
  if (!conf.ok()) return conf.status();
  auto impl = std::make_unique<Impl>(std::move(options));
  absl::Status status = impl->Open(*std::move(conf));
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
  impl_->taken_away = false;
  impl_->Resume();
  const Clock::time_point deadline = Clock::now() + timeout;
  std::vector<Message>& batch = impl_->collected;  // a rebalance inside Take empties it
  std::size_t bytes = 0;
  for (const Message& message : batch) bytes += message.size();

  while (batch.size() < limits.max_messages && bytes < limits.max_bytes) {
    impl_->CommitWhenDue();
    const bool first = batch.empty();
    if (first && impl_->woken.exchange(false)) break;
    const milliseconds wait = first ? impl_->UntilCommitDue(deadline) : milliseconds(0);
    const absl::StatusOr<bool> took = impl_->Take(wait);
    if (!took.ok()) return took.status();
    if (*took) {
      bytes += batch.back().size();
    } else if (!first || (Clock::now() >= deadline && !impl_->woken)) {
      break;
    }
  }
  // A rebalance inside this call has emptied the batch: what is in it is ours.
  impl_->taken_away = false;
  return std::exchange(batch, {});
}

bool Consumer::StillOurs() {
  ORDER_SAGA_CHECK(impl_->client != nullptr, "StillOurs after Close");
  impl_->Pause();
  impl_->CommitWhenDue();
  // What comes although we paused is kept for the next Poll. A bound, lest this takes for ever.
  for (int i = 0; i < 1000 && !impl_->taken_away; ++i) {
    const absl::StatusOr<bool> took = impl_->Take(milliseconds(0));
    if (!took.ok() || !*took) break;
  }
  return !impl_->taken_away;
}

void Consumer::StoreOffsets(std::span<const Message> batch) {
  const std::lock_guard lock(impl_->mutex);
  Impl::Owned* owned = nullptr;
  for (const Message& message : batch) {
    if (owned == nullptr || owned->partition.partition != message.partition() ||
        owned->partition.topic != message.topic()) {
      owned = impl_->Find(message.topic(), message.partition());
    }
    if (owned != nullptr) owned->next = std::max(owned->next, message.offset() + 1);
  }
}

absl::Status Consumer::CommitSync() { return impl_->Commit(Impl::CommitMode::kSync); }

void Consumer::Wakeup() {
  impl_->woken = true;
  rd_kafka_queue_yield(impl_->queue);
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
