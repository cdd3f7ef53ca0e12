// One message as the Kafka door hands it to a handler.
#ifndef ORDER_SAGA_LIBS_INBOX_DELIVERY_H_
#define ORDER_SAGA_LIBS_INBOX_DELIVERY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "libs/outbox/outbox.h"
#include "libs/uuid/uuid.h"

namespace inbox {

// A message as it came, from anyone: views that must outlive the deliveries made of it.
struct Record {
  std::string_view topic;
  int32_t partition = 0;
  int64_t offset = 0;
  std::optional<std::string_view> key;
  std::optional<std::string_view> payload;
  // Headers.
  std::optional<std::string_view> id;
  std::optional<std::string_view> content_type;
  std::optional<std::string_view> traceparent;
  std::optional<std::string_view> tracestate;
};

class Delivery {
 public:
  // A message without a usable id begins as a dead letter.
  explicit Delivery(const Record& record);

  // The same message, as it was before any handler saw it.
  Delivery Fresh() const { return Delivery(record_); }

  const uuid::Uuid& id() const { return id_; }
  // The Kafka key, made printable; empty if there is none.
  const std::string& key() const { return key_; }
  std::string_view topic() const { return record_.topic; }
  int32_t partition() const { return record_.partition; }
  int64_t offset() const { return record_.offset; }
  std::optional<std::string_view> payload() const { return record_.payload; }
  // application/protobuf unless the message says otherwise.
  const std::string& content_type() const { return content_type_; }
  const std::optional<std::string>& traceparent() const { return traceparent_; }
  // Empty: none.
  const std::string& tracestate() const { return tracestate_; }
  // For log lines: empty if the message has no trace.
  std::string_view trace_id() const;

  // Says that this message can never be read or belongs to nobody: it goes to the topic's dead
  // letters with `reason`, in the same transaction, and counts as done.
  void DeadLetter(std::string reason) { dead_letter_ = std::move(reason); }
  const std::optional<std::string>& dead_letter() const { return dead_letter_; }

 private:
  Record record_;
  uuid::Uuid id_;
  std::string key_;
  std::string content_type_;
  std::optional<std::string> traceparent_;
  std::string tracestate_;
  std::optional<std::string> dead_letter_;
};

// The record for `<topic>-dlt`: the original payload (if it is above 900 KiB only its size, in the
// header kafka_dlt-payload-omitted: the origin says where it lies), with its origin and the reason
// in headers of Spring's names (kafka_dlt-*).
outbox::Event DeadLetterEvent(const Delivery& delivery);

}  // namespace inbox

#endif  // ORDER_SAGA_LIBS_INBOX_DELIVERY_H_
