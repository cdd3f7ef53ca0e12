// Rows of the outbox out to Kafka, in the order of `seq`, but for those that are there.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HEAL_REPUBLISH_H_
#define ORDER_SAGA_OUTBOX_RELAY_HEAL_REPUBLISH_H_

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/heal/topic_ids.h"
#include "outbox-relay/sink/producer.h"

namespace relay {

// The header that such a record has besides its own.
inline constexpr std::string_view kRepublishedHeader = "outbox-republished";

struct Republished {
  int64_t compared = 0;
  int64_t found = 0;
  int64_t published = 0;
};

// `cursor` is open in a transaction of `connection`, over the columns of kRepublishColumns. Returns
// once Kafka has acknowledged everything. Aborted: Kafka refused an event, the producer is done.
// Unavailable: a topic is missing, or Kafka does not answer. Cancelled after a stop request.
absl::Status Republish(postgres::Connection& connection, const std::string& cursor,
                       const TopicIds& at_kafka, const std::string& source, Producer& producer,
                       std::stop_token stop, Republished& counts);

inline constexpr char kRepublishColumns[] =
    "o.id::text, o.aggregateid, o.type, o.topic, o.payload, o.traceparent, o.headers::text, "
    "(extract(epoch FROM o.created_at) * 1000000)::bigint";

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HEAL_REPUBLISH_H_
