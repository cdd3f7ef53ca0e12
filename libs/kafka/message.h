// One Kafka message that a consumer took: a view into librdkafka's fetch buffer.
#ifndef ORDER_SAGA_LIBS_KAFKA_MESSAGE_H_
#define ORDER_SAGA_LIBS_KAFKA_MESSAGE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"

struct rd_kafka_message_s;

namespace kafka {

// Movable, 8 bytes. It keeps the whole fetch buffer that it came in alive (up to 1 MB): do not
// hoard. Views are valid as long as the message is. Not thread safe: reading headers parses them.
class Message {
 public:
  explicit Message(rd_kafka_message_s* taken) : message_(taken) {}

  std::string_view topic() const;
  std::int32_t partition() const;
  std::int64_t offset() const;
  // Null and empty differ: a null payload is a tombstone.
  std::optional<std::string_view> key() const;
  std::optional<std::string_view> payload() const;
  // The payload, or nothing at all for null.
  std::string_view payload_or_empty() const { return payload().value_or(std::string_view()); }

  // The last header of that name; a header without a value is an empty text.
  std::optional<std::string_view> header(std::string_view name) const;
  // Every header, in order; stops when `visit` returns false.
  void ForEachHeader(
      absl::FunctionRef<bool(std::string_view name, std::string_view value)> visit) const;

  // Milliseconds since 1970, by the producer's clock; nothing if the broker knows none.
  std::optional<std::chrono::milliseconds> timestamp() const;

  // Key and payload, in bytes.
  std::size_t size() const;

 private:
  struct Deleter {
    void operator()(rd_kafka_message_s* message) const;
  };
  std::unique_ptr<rd_kafka_message_s, Deleter> message_;
};

}  // namespace kafka

#endif  // ORDER_SAGA_LIBS_KAFKA_MESSAGE_H_
