#include <algorithm>
#include <memory>

#include "libs/kafka/consumer_impl.h"
#include "libs/telemetry/log.h"

namespace kafka {
namespace {

using List = std::unique_ptr<rd_kafka_topic_partition_list_t,
                             decltype(&rd_kafka_topic_partition_list_destroy)>;

constexpr std::chrono::seconds kLookInterval(2);
// A broker that does not answer is no reason for anything: the next look asks again.
constexpr int kAnswerTimeoutMs = 1000;
constexpr std::chrono::minutes kLongestPatience(5);

List EmptyList() {
  return List(rd_kafka_topic_partition_list_new(0), &rd_kafka_topic_partition_list_destroy);
}

void Add(const List& list, const TopicPartition& partition, std::int64_t offset) {
  rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)
      ->offset = offset;
}

// Everything before it is done.
std::int64_t PositionOf(const Consumer::Impl::Owned& one) {
  const std::int64_t done = one.next != Consumer::Impl::kUnknown ? one.next : one.start;
  return done >= one.read ? std::max(done, one.reached) : done;
}

}  // namespace

void Consumer::Impl::Watch(std::stop_token stop) {
  for (;;) {
    {
      std::unique_lock lock(watch_mutex);
      watch_wake.wait_for(lock, stop, kLookInterval, [this] { return look_now; });
      if (stop.stop_requested()) return;
      look_now = false;
    }
    Look();
  }
}

void Consumer::Impl::Look() {
  const List ends = EmptyList();
  const List starts = EmptyList();
  {
    const std::lock_guard lock(mutex);
    for (const Owned& one : owned) {
      Add(ends, one.partition, RD_KAFKA_OFFSET_END);
      if (one.next == kUnknown && one.start == kUnknown) {
        Add(starts, one.partition, RD_KAFKA_OFFSET_INVALID);
      }
    }
  }
  if (ends->cnt == 0) return;
  const bool know_starts =
      starts->cnt > 0 &&
      rd_kafka_committed(client, starts.get(), kAnswerTimeoutMs) == RD_KAFKA_RESP_ERR_NO_ERROR;
  const bool know_ends = rd_kafka_offsets_for_times(client, ends.get(), kAnswerTimeoutMs) ==
                         RD_KAFKA_RESP_ERR_NO_ERROR;

  const std::lock_guard lock(mutex);
  for (int i = 0; know_starts && i < starts->cnt; ++i) {
    const rd_kafka_topic_partition_t& start = starts->elems[i];
    Owned* one = Find(start.topic, start.partition);
    // No committed offset: everything is still to come.
    if (one != nullptr && start.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      one->start = std::max<std::int64_t>(start.offset, 0);
    }
  }
  for (int i = 0; i < ends->cnt; ++i) {
    const rd_kafka_topic_partition_t& end = ends->elems[i];
    Owned* one = Find(end.topic, end.partition);
    if (one == nullptr) continue;
    const bool known = know_ends && end.err == RD_KAFKA_RESP_ERR_NO_ERROR && end.offset >= 0;
    one->end = known ? end.offset : kUnknown;
  }
  if (Stalled()) restart_wanted = true;
}

bool Consumer::Impl::Stalled() {
  using Verdict = FetchStall::Verdict;
  const Clock::time_point now = Clock::now();
  bool stalled = false, all_well = true;
  for (Owned& one : owned) {
    if (one.end == kUnknown) {
      one.stall = {};  // a broker that was away has not stood still
      continue;
    }
    const std::int64_t position = std::max(one.read, one.reached);
    const Verdict verdict = one.stall.OnLook(
        {.now = now, .position = position, .end = one.end, .waited = waited.load()}, patience);
    all_well = all_well && (verdict == Verdict::kCaughtUp || verdict == Verdict::kMoving);
    if (verdict != Verdict::kStalled) continue;
    stalled = true;
    telemetry::Error("messages lie in a partition and are not fetched; joining the group anew",
                     {{"client", rd_kafka_name(client)},
                      {"topic", one.partition.topic},
                      {"partition", one.partition.partition},
                      {"position", position},
                      {"end", one.end}});
  }
  // What a new start does not mend is not worth one every ten seconds.
  if (stalled) patience = std::min<Clock::duration>(2 * patience, kLongestPatience);
  if (all_well && !owned.empty()) patience = kFirstPatience;
  return stalled;
}

std::vector<Consumer::PartitionLag> Consumer::Lag() const {
  std::vector<PartitionLag> lags;
  const std::lock_guard lock(impl_->mutex);
  for (const Impl::Owned& one : impl_->owned) {
    const std::int64_t position = PositionOf(one);
    lags.push_back({.partition = one.partition});
    if (position == Impl::kUnknown || one.end == Impl::kUnknown) continue;
    lags.back().messages = std::max<std::int64_t>(one.end - position, 0);
  }
  return lags;
}

}  // namespace kafka
