// What librdkafka says of a record that did not get to Kafka.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SINK_DELIVERY_REPORT_H_
#define ORDER_SAGA_OUTBOX_RELAY_SINK_DELIVERY_REPORT_H_

#include <string_view>

#include "outbox-relay/sink/publish_failure.h"

struct rd_kafka_s;
struct rd_kafka_message_s;

namespace relay {

// The header `id`: a view into the message; empty if it has none.
std::string_view EventIdOf(const rd_kafka_message_s* message);

// It was thrown away because of something else.
bool IsPurged(const rd_kafka_message_s* message);

// Why it was refused. `alone`: no other record was in its batch.
PublishFailure FailureOf(rd_kafka_s* client, const rd_kafka_message_s* message, bool alone);

// `failure`, with the key of the message.
PublishFailure WithKey(PublishFailure failure, const rd_kafka_message_s* message);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SINK_DELIVERY_REPORT_H_
