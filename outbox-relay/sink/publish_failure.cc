#include "outbox-relay/sink/publish_failure.h"

#include <librdkafka/rdkafka.h>

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
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE:
    case RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
    case RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
      return Kind::kProducerBroken;
    default:
      return Kind::kRefused;
  }
}

std::string FixOf(rd_kafka_resp_err_t error, Kind kind, const std::string& topic) {
  if (kind == Kind::kProducerBroken) return "none needed: a new producer starts over";
  if (kind == Kind::kMissingTopic) {
    return absl::StrCat("create the topic ", topic, " (services with --create_topics do)");
  }
  switch (error) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
      return absl::StrCat("raise max.message.bytes of the topic ", topic,
                          " and, beyond 32 MiB, --kafka_property message.max.bytes=…");
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return absl::StrCat("allow the relay's principal to WRITE and DESCRIBE the topic ", topic);
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return "allow the relay's principal IDEMPOTENT_WRITE on the cluster";
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

}  // namespace

PublishFailure MakePublishFailure(int error_code, std::string_view detail,
                                  std::string_view event_id, std::string_view topic) {
  const auto error = static_cast<rd_kafka_resp_err_t>(error_code);
  PublishFailure failure;
  failure.kind = KindOf(error);
  failure.topic = std::string(topic);
  if (failure.kind != Kind::kProducerBroken) failure.event_id = std::string(event_id);
  failure.reason = absl::StrCat(rd_kafka_err2name(error), ": ", rd_kafka_err2str(error));
  if (!detail.empty()) absl::StrAppend(&failure.reason, " (", std::string(detail), ")");
  failure.fix = FixOf(error, failure.kind, failure.topic);
  return failure;
}

}  // namespace relay
