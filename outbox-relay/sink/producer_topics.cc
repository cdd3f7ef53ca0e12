// What a producer asks of its topics. It waits for the answers.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "outbox-relay/sink/producer.h"
#include "outbox-relay/sink/topic_limit.h"
#include "outbox-relay/sink/topic_metadata.h"

namespace relay {
namespace {

constexpr std::chrono::seconds kLeadersAreFresh(1);

}  // namespace

absl::Status Producer::AwaitTopic(std::string_view name, std::chrono::milliseconds timeout) {
  Topic& topic = FindTopic(name);
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
  if (topic.handle != nullptr) {
    absl::StatusOr<TopicMetadata> read = ReadTopicMetadata(client_, topic.handle, timeout);
    if (!read.ok()) return read.status();
    error = read->error;
    topic.ready = error == RD_KAFKA_RESP_ERR_NO_ERROR && read->partitions > 0;
    if (topic.ready) {
      topic.introductions.SetPartitions(read->partitions);
      topic.leaderless = std::move(read->leaderless);
      topic.max_message_bytes = ReadTopicLimit(client_, name, timeout);
      topic.asked_at = topic.leaders_asked_at = std::chrono::steady_clock::now();
      return absl::OkStatus();
    }
    if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) topic.introductions.Estrange();
  }
  refusal_ = MakePublishFailure(error, "", "", name);
  const std::string text =
      absl::StrCat("topic ", std::string(name), ": ", refusal_.reason, ". Fix: ", refusal_.fix);
  switch (error) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      return absl::NotFoundError(text);
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return absl::PermissionDeniedError(text);
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      return absl::InvalidArgumentError(text);
    default:  // no leader yet, say
      return absl::FailedPreconditionError(text);
  }
}

absl::Status Producer::CheckLeader(const Record& record, std::chrono::milliseconds timeout) {
  Topic& topic = FindTopic(record.topic);
  if (!topic.ready) {
    if (absl::Status there = AwaitTopic(record.topic, timeout); !there.ok()) return there;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now - topic.leaders_asked_at >= kLeadersAreFresh) {
    absl::StatusOr<TopicMetadata> read = ReadTopicMetadata(client_, topic.handle, timeout);
    if (!read.ok()) return read.status();
    topic.leaders_asked_at = now;
    topic.leaderless = std::move(read->leaderless);
    // One broker may not have heard of it yet: asked again before it counts as gone.
    topic.ready = read->error != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (!topic.ready) {
      if (absl::Status there = AwaitTopic(record.topic, timeout); !there.ok()) return there;
    }
  }
  if (topic.leaderless.empty()) return absl::OkStatus();
  // Of one without a key it is not said yet which partition it goes to.
  const bool has =
      record.key && !std::ranges::count(topic.leaderless, ChoosePartition(topic, record));
  return has ? absl::OkStatus() : absl::FailedPreconditionError("the partition has no leader");
}

}  // namespace relay
