#include "libs/kafka/message.h"

#include <librdkafka/rdkafka.h>

namespace kafka {
namespace {

std::string_view View(const void* data, std::size_t size) {
  return {static_cast<const char*>(data), size};
}

}  // namespace

void Message::Deleter::operator()(rd_kafka_message_s* message) const {
  rd_kafka_message_destroy(message);
}

std::string_view Message::topic() const { return rd_kafka_topic_name(message_->rkt); }
std::int32_t Message::partition() const { return message_->partition; }
std::int64_t Message::offset() const { return message_->offset; }

std::optional<std::string_view> Message::key() const {
  if (message_->key == nullptr) return std::nullopt;
  return View(message_->key, message_->key_len);
}

std::optional<std::string_view> Message::payload() const {
  if (message_->payload == nullptr) return std::nullopt;
  return View(message_->payload, message_->len);
}

std::optional<std::string_view> Message::header(std::string_view name) const {
  std::optional<std::string_view> last;
  ForEachHeader([&](std::string_view other, std::string_view value) {
    if (other == name) last = value;
    return true;
  });
  return last;
}

void Message::ForEachHeader(
    absl::FunctionRef<bool(std::string_view name, std::string_view value)> visit) const {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message_.get(), &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0;
       rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    if (!visit(name, View(value, size))) return;
  }
}

std::optional<std::chrono::milliseconds> Message::timestamp() const {
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const std::int64_t milliseconds = rd_kafka_message_timestamp(message_.get(), &type);
  if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || milliseconds < 0) return std::nullopt;
  return std::chrono::milliseconds(milliseconds);
}

std::size_t Message::size() const { return message_->len + message_->key_len; }

}  // namespace kafka
