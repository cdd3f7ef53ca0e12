#include "outbox-relay/heal/topic_ids.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/kafka/message.h"
#include "outbox-relay/history/topic_reader.h"
#include "outbox-relay/sink/topic_metadata.h"

namespace relay {
namespace {

using Clock = std::chrono::steady_clock;
using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                   decltype(&rd_kafka_topic_partition_list_destroy)>;

constexpr std::string_view kGroup = "outbox-relay-heal";
constexpr int kAnswerMilliseconds = 10'000;
constexpr std::chrono::minutes kStandsStill(1);

absl::Status Failed(const std::string& what, const std::string& why) {
  return absl::UnavailableError(absl::StrCat("reading back what is at Kafka: ", what, ": ", why));
}
absl::Status Failed(rd_kafka_resp_err_t error, const std::string& what) {
  return Failed(what, rd_kafka_err2str(error));
}

// How many partitions it has; 0 if there is no such topic.
absl::StatusOr<int> CountPartitions(rd_kafka_t* client, const std::string& topic) {
  std::unique_ptr<rd_kafka_topic_t, decltype(&rd_kafka_topic_destroy)> handle(
      rd_kafka_topic_new(client, topic.c_str(), nullptr), &rd_kafka_topic_destroy);
  if (handle == nullptr) return 0;  // no topic can have such a name
  const auto read =
      ReadTopicMetadata(client, handle.get(), std::chrono::milliseconds(kAnswerMilliseconds));
  if (!read.ok()) return Failed(topic, std::string(read.status().message()));
  // Nothing can be there: no such topic, or no topic can have such a name.
  if (read->error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
      read->error == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {
    return 0;
  }
  if (read->error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
    return absl::FailedPreconditionError(
        absl::StrCat("healing reads back what is at Kafka, and may not see the topic ", topic,
                     ". Fix: allow the relay's principal to READ and DESCRIBE it"));
  }
  if (read->error != RD_KAFKA_RESP_ERR_NO_ERROR) return Failed(read->error, topic);
  return read->partitions;
}

}  // namespace

bool TopicIds::Add(std::string_view id) {
  const absl::StatusOr<uuid::Uuid> parsed = uuid::Parse(id);
  if (parsed.ok()) ids_.insert(*parsed);
  return parsed.ok();
}

bool TopicIds::Contains(std::string_view id) const {
  const absl::StatusOr<uuid::Uuid> parsed = uuid::Parse(id);
  return parsed.ok() && ids_.contains(*parsed);
}

absl::StatusOr<TopicIds> ReadTopicIds(const kafka::Settings& kafka,
                                      const std::set<std::string>& topics, const TopicOffsets& from,
                                      absl::FunctionRef<bool()> leave) {
  // Also for committed records a topic ends where it ends for all.
  absl::StatusOr<TopicReader> asks = MakeTopicReader(kafka, kGroup, Records::kAll);
  if (!asks.ok()) return asks.status();
  absl::StatusOr<TopicReader> reads = MakeTopicReader(kafka, kGroup, Records::kCommitted);
  if (!reads.ok()) return reads.status();
  TopicIds ids;
  std::map<std::pair<std::string, int32_t>, int64_t> unread;  // partition → where it ends
  Partitions assigned(rd_kafka_topic_partition_list_new(16),
                      &rd_kafka_topic_partition_list_destroy);
  for (const std::string& topic : topics) {
    absl::StatusOr<int> partitions = CountPartitions(asks->get(), topic);
    if (!partitions.ok()) return partitions.status();
    const auto known = from.find(topic);
    for (int32_t partition = 0; partition < *partitions; ++partition) {
      int64_t low = 0, high = 0;
      const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
          asks->get(), topic.c_str(), partition, &low, &high, kAnswerMilliseconds);
      if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return Failed(error, topic);
      ids.ends[topic][partition] = high;
      int64_t begin = low;
      if (known != from.end() && known->second.contains(partition)) {
        begin = std::max(begin, known->second.at(partition));
      }
      if (begin >= high) continue;
      unread[{topic, partition}] = high;
      rd_kafka_topic_partition_list_add(assigned.get(), topic.c_str(), partition)->offset = begin;
    }
  }
  if (rd_kafka_resp_err_t error = rd_kafka_assign(reads->get(), assigned.get())) {
    return Failed(error, "assigning");
  }
  Clock::time_point moved = Clock::now();
  while (!unread.empty()) {
    if (leave()) return absl::CancelledError("leaving off");
    rd_kafka_message_t* const message = rd_kafka_consumer_poll(reads->get(), 200);
    const kafka::Message owned(message);
    if (message == nullptr || (message->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
                               message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)) {
      if (Clock::now() - moved > kStandsStill) {
        return Failed(message == nullptr ? RD_KAFKA_RESP_ERR__TIMED_OUT : message->err,
                      unread.begin()->first.first);
      }
      continue;
    }
    moved = Clock::now();
    const auto partition = unread.find({rd_kafka_topic_name(message->rkt), message->partition});
    if (partition == unread.end()) continue;
    const bool at_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    // For a reader of committed records an open transaction is the end, until it ends.
    if (at_end && message->offset < partition->second) continue;
    if (!at_end) ids.Add(owned.header("id").value_or(""));
    if (at_end || message->offset + 1 >= partition->second) unread.erase(partition);
  }
  return ids;
}

}  // namespace relay
