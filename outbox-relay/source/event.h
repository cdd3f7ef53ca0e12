// One outbox row on its way to Kafka.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_EVENT_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_EVENT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace relay {

// Views into the bytes that were received and into the OutboxTable that read them: valid until the
// next row is read. Nothing of a row is copied between Postgres's socket and librdkafka.
struct Event {
  std::string_view id;  // as text
  // Null: a record without a key, which goes to any partition.
  std::optional<std::string_view> aggregate_id;
  std::string_view type;
  std::string_view topic;
  // Null: a tombstone.
  std::optional<std::string_view> payload;
  std::string_view traceparent;   // empty: none
  std::string_view headers_json;  // empty: none; else a JSON object
  int64_t created_unix_microseconds = 0;
};

// Of its columns that may be of any length.
inline size_t BytesOf(const Event& event) {
  return event.aggregate_id.value_or("").size() + event.type.size() + event.topic.size() +
         event.payload.value_or("").size() + event.traceparent.size() + event.headers_json.size();
}

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_EVENT_H_
