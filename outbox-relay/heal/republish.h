// Rows of the outbox out to Kafka, in the order of `seq`, but for those that are there, and those
// of parked keys.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HEAL_REPUBLISH_H_
#define ORDER_SAGA_OUTBOX_RELAY_HEAL_REPUBLISH_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/heal/parked_behind.h"
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

struct RepublishOptions {
  std::string source;
  // How long a topic that does not exist is waited for; then its events are parked.
  std::chrono::milliseconds missing_topic_wait{0};
  // Whether to leave off, because of a stop or a pause. Asked often.
  std::function<bool()> leave;
};

// `cursor` is open in a transaction of `connection`, over RepublishColumns(). Returns
// once Kafka has acknowledged, or `parked` has written, everything. Aborted: Kafka refused an
// event, and the producer is done. Unavailable: Kafka does not answer. Cancelled once
// `leave` says so.
absl::Status Republish(const RepublishOptions& options, postgres::Connection& connection,
                       const std::string& cursor, const TopicIds& at_kafka, ParkedBehind& parked,
                       Producer& producer, Republished& counts);

// Of an outbox `o`, for whose columns the stream takes several types: NotFound if it has no such
// column.
absl::StatusOr<std::string> RepublishColumns(postgres::Connection& connection);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HEAL_REPUBLISH_H_
