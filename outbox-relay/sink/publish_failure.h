// What Kafka refused, in words that say the fix.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SINK_PUBLISH_FAILURE_H_
#define ORDER_SAGA_OUTBOX_RELAY_SINK_PUBLISH_FAILURE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace relay {

// One event that Kafka will not take as it is. Trouble that passes by itself (brokers away, leaders
// moving) never becomes one: librdkafka tries on.
struct PublishFailure {
  enum class Kind {
    kMissingTopic,   // the topic was deleted: wait until somebody makes it again
    kRefused,        // this event, for good: too large, not authorised, invalid
    kProducerBroken  // not about one event, or not for good: a new producer is needed
  };
  Kind kind = Kind::kProducerBroken;
  std::string event_id;  // empty for kProducerBroken
  std::string topic;
  std::optional<std::string> key;
  // Every event of the topic would be refused.
  bool whole_topic = false;
  // The size of the request was at fault: of this event's, or of the batch that it was in.
  bool too_large = false;
  // It was sent by itself, so that no other event can have been the reason.
  bool alone = false;
  std::string reason;
  std::string fix;
};

// `error` is a rd_kafka_resp_err_t; `detail` is librdkafka's text, if there is more than the code.
PublishFailure MakePublishFailure(int error, std::string_view detail, std::string_view event_id,
                                  std::string_view topic);

// Of an event whose row names no type: consumers could not tell what it is.
PublishFailure NoType(std::string_view event_id, std::string_view topic);

// How a session ends for it.
absl::Status AsStatus(const PublishFailure& failure);

// Whether what keeps a topic from taking events, as Producer::AwaitTopic() answers, passes by
// itself: silence, or a leader that is being chosen.
inline bool PassesByItself(const absl::Status& answer) {
  return absl::IsUnavailable(answer) || absl::IsFailedPrecondition(answer);
}

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SINK_PUBLISH_FAILURE_H_
