#include "outbox-relay/sink/publish_failure.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace relay {
namespace {

using Kind = PublishFailure::Kind;

Kind KindOf(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      return Kind::kMissingTopic;
    // What is true of the event for as long as nobody changes something. A list of these and not of
    // the others: an event that is parked for an error that would have passed is an outage.
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
      return Kind::kRefused;
    default:
      return Kind::kProducerBroken;
  }
}

bool ConcernsWholeTopic(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
         error == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
}

bool IsAboutSize(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
         error == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE ||
         error == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

std::string FixOf(rd_kafka_resp_err_t error, Kind kind, const std::string& topic) {
  if (error == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED) {
    return "allow the relay's principal IDEMPOTENT_WRITE on the cluster";
  }
  if (kind == Kind::kProducerBroken) return "none needed: a new producer starts over";
  if (kind == Kind::kMissingTopic) {
    return absl::StrCat("create the topic ", topic, " (services with --create_topics do)");
  }
  switch (error) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
      return absl::StrCat("raise max.message.bytes of the topic ", topic,
                          " and, beyond 32 MiB, --kafka_property message.max.bytes=N");
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return absl::StrCat("allow the relay's principal to WRITE and DESCRIBE the topic ", topic);
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      return absl::StrCat("\"", topic, "\" is no topic name; correct what writes the outbox row");
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
      return absl::StrCat("the configuration of topic ", topic,
                          " refuses such records (a compacted topic needs keys)");
    default:
      return absl::StrCat("see the broker's log about topic ", topic);
  }
}

// A text of a broker goes into a database of any encoding: what is only shown may not keep an event
// from being parked.
std::string Plain(std::string text) {
  constexpr size_t kLongest = 1'000;
  if (text.size() > kLongest) text.resize(kLongest);
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

}  // namespace

PublishFailure MakePublishFailure(int error_code, std::string_view detail,
                                  std::string_view event_id, std::string_view topic) {
  const auto error = static_cast<rd_kafka_resp_err_t>(error_code);
  PublishFailure failure;
  failure.kind = KindOf(error);
  failure.topic = std::string(topic);
  failure.whole_topic = failure.kind == Kind::kMissingTopic || ConcernsWholeTopic(error);
  failure.too_large = IsAboutSize(error);
  if (failure.kind != Kind::kProducerBroken) failure.event_id = std::string(event_id);
  failure.reason = absl::StrCat(rd_kafka_err2name(error), ": ", rd_kafka_err2str(error));
  if (!detail.empty()) absl::StrAppend(&failure.reason, " (", std::string(detail), ")");
  failure.reason = Plain(std::move(failure.reason));
  failure.fix = Plain(FixOf(error, failure.kind, failure.topic));
  return failure;
}

PublishFailure NoType(std::string_view event_id, std::string_view topic) {
  PublishFailure failure;
  failure.kind = Kind::kRefused;
  failure.event_id = std::string(event_id);
  failure.topic = std::string(topic);
  failure.alone = true;
  failure.reason = "the row has no type";
  failure.fix = "correct what writes the outbox row";
  return failure;
}

absl::Status AsStatus(const PublishFailure& failure) {
  if (failure.kind != Kind::kProducerBroken) return absl::AbortedError("Kafka refused an event");
  return absl::UnavailableError(absl::StrCat("the Kafka producer is done: ", failure.reason));
}

}  // namespace relay
