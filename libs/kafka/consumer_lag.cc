#include <algorithm>
#include <memory>

#include "libs/kafka/consumer_impl.h"

namespace kafka {
namespace {

constexpr int kCommittedTimeoutMs = 1000;

}  // namespace

std::vector<Consumer::PartitionLag> Consumer::Lag() const {
  const std::lock_guard one_at_a_time(impl_->lag_mutex);
  if (impl_->client == nullptr) return {};

  // Where the group stands in partitions of which nothing was handled yet.
  const std::unique_ptr<rd_kafka_topic_partition_list_t,
                        decltype(&rd_kafka_topic_partition_list_destroy)>
      unknown(rd_kafka_topic_partition_list_new(0), &rd_kafka_topic_partition_list_destroy);
  {
    const std::lock_guard lock(impl_->mutex);
    for (const Impl::Owned& one : impl_->owned) {
      if (one.next != Impl::kUnknown || one.start != Impl::kUnknown) continue;
      rd_kafka_topic_partition_list_add(unknown.get(), one.partition.topic.c_str(),
                                        one.partition.partition);
    }
  }
  const bool answered =
      unknown->cnt > 0 && rd_kafka_committed(impl_->client, unknown.get(), kCommittedTimeoutMs) ==
                              RD_KAFKA_RESP_ERR_NO_ERROR;

  std::vector<PartitionLag> lags;
  const std::lock_guard lock(impl_->mutex);
  for (int i = 0; answered && i < unknown->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = unknown->elems[i];
    Impl::Owned* owned = impl_->Find(one.topic, one.partition);
    // No committed offset: everything is still to come.
    if (owned != nullptr && one.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      owned->start = std::max<std::int64_t>(one.offset, 0);
    }
  }
  for (const Impl::Owned& one : impl_->owned) {
    const std::int64_t position = one.next != Impl::kUnknown ? one.next : one.start;
    std::int64_t low = -1, high = -1;
    const rd_kafka_resp_err_t error = rd_kafka_get_watermark_offsets(
        impl_->client, one.partition.topic.c_str(), one.partition.partition, &low, &high);
    if (position == Impl::kUnknown || error != RD_KAFKA_RESP_ERR_NO_ERROR || high < 0) continue;
    lags.push_back({one.partition, std::max<std::int64_t>(high - std::max(position, low), 0)});
  }
  return lags;
}

}  // namespace kafka
