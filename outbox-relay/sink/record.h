// What an outbox row becomes at Kafka: topic, key, value and headers.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SINK_RECORD_H_
#define ORDER_SAGA_OUTBOX_RELAY_SINK_RECORD_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "outbox-relay/sink/json_headers.h"
#include "outbox-relay/source/event.h"

namespace relay {

// All views: of the event that it was built from, and of the builder.
struct Record {
  std::string_view id, type;
  std::string_view topic;
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  std::vector<Header> headers;
};

// Not thread-safe.
class RecordBuilder {
 public:
  // `source_name` as in --source: it becomes ce_source, with a slash in front.
  explicit RecordBuilder(std::string_view source_name);

  // The headers `id`, `eventType`, CloudEvents in binary mode, `traceparent`, then those of the
  // row's own headers that have none of these names (a `content-type` among them stands for the
  // default, application/protobuf). Valid until the next call, and as long as the event is.
  const Record& Build(const Event& event);

 private:
  std::string ce_source_;
  std::string scratch_;  // unescaped texts of the headers
  std::array<char, 32> time_;
  std::vector<Header> own_headers_;
  Record record_;
};

// "2026-01-31T23:59:59.123456Z" (RFC 3339), at most 32 characters; years outside 1 to 9999 become
// the nearest of these.
std::string_view FormatTime(int64_t unix_microseconds, std::array<char, 32>& out);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SINK_RECORD_H_
