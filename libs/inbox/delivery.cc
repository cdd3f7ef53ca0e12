#include "libs/inbox/delivery.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace inbox {
namespace {

// Keys and headers come from anyone. What is no plain ASCII is escaped, so that a database text can
// hold it.
std::string Printable(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
  return plain ? std::string(text) : absl::CHexEscape(std::string(text));
}

}  // namespace

Delivery::Delivery(const Record& record)
    : record_(record),
      key_(Printable(record.key.value_or(""))),
      content_type_(Printable(record.content_type.value_or("application/protobuf"))) {
  if (record.traceparent.has_value()) traceparent_ = Printable(*record.traceparent);
  if (!record.id.has_value()) {
    DeadLetter("the message has no id header, so it could be applied twice");
    return;
  }
  auto id = uuid::Parse(*record.id);
  if (id.ok()) {
    id_ = *id;
  } else {
    DeadLetter(absl::StrCat("the id header is ", id.status().message()));
  }
}

outbox::Event DeadLetterEvent(const Delivery& delivery) {
  outbox::Event event;
  event.aggregatetype = "dead-letter";
  event.aggregateid = delivery.key();
  event.type = "dead-letter";
  if (auto payload = delivery.payload()) event.payload = std::string(*payload);
  event.topic = absl::StrCat(std::string(delivery.topic()), "-dlt");
  event.traceparent = delivery.traceparent();
  event.headers = {
      {"content-type", delivery.content_type()},
      {"kafka_dlt-original-topic", std::string(delivery.topic())},
      {"kafka_dlt-original-partition", absl::StrCat(delivery.partition())},
      {"kafka_dlt-original-offset", absl::StrCat(delivery.offset())},
      {"kafka_dlt-exception-message", Printable(delivery.dead_letter().value_or(""))},
  };
  return event;
}

}  // namespace inbox
