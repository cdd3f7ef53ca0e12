// How large a topic's batches may be.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SINK_TOPIC_LIMIT_H_
#define ORDER_SAGA_OUTBOX_RELAY_SINK_TOPIC_LIMIT_H_

#include <chrono>
#include <cstddef>
#include <string_view>

struct rd_kafka_s;

namespace relay {

// The topic's max.message.bytes. If the broker does not answer, or the principal lacks
// DESCRIBE_CONFIGS, the brokers' default. Waits, at most `timeout`.
size_t ReadTopicLimit(rd_kafka_s* client, std::string_view topic,
                      std::chrono::milliseconds timeout);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SINK_TOPIC_LIMIT_H_
