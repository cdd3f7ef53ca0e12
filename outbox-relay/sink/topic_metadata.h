// What brokers say of a topic.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SINK_TOPIC_METADATA_H_
#define ORDER_SAGA_OUTBOX_RELAY_SINK_TOPIC_METADATA_H_

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace relay {

struct TopicMetadata {
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
  int partitions = 0;
  std::vector<int32_t> leaderless;  // those that cannot be published to for now
};

// Waits for it. Unavailable: no broker answers in time.
absl::StatusOr<TopicMetadata> ReadTopicMetadata(rd_kafka_t* client, rd_kafka_topic_t* topic,
                                                std::chrono::milliseconds timeout);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SINK_TOPIC_METADATA_H_
