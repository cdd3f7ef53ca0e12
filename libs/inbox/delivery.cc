#include "libs/inbox/delivery.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libs/telemetry/traceparent.h"

namespace inbox {
namespace {

// Longer keys, header values and reasons are cut: none of ours is.
constexpr size_t kMaxText = 4'096;
// With its headers a dead letter must fit where the original did (Kafka's default is 1 MiB).
constexpr size_t kMaxDeadLetterPayload = 900 << 10;

// Keys and headers come from anyone. What is no plain ASCII is escaped, so that a database text can
// hold it.
std::string Printable(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
  std::string out = plain ? std::string(text) : absl::CHexEscape(std::string(text));
  if (out.size() > kMaxText) out.resize(kMaxText);
  return out;
}

}  // namespace

Delivery::Delivery(const Record& record)
    : record_(record),
      key_(Printable(record.key.value_or(""))),
      content_type_(Printable(record.content_type.value_or("application/protobuf"))) {
  if (record.traceparent.has_value()) traceparent_ = Printable(*record.traceparent);
  tracestate_ = telemetry::UsableTracestate(record.tracestate.value_or(""));
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

std::string_view Delivery::trace_id() const {
  return traceparent_ ? telemetry::TraceIdIn(*traceparent_) : std::string_view();
}

outbox::Event DeadLetterEvent(const Delivery& delivery) {
  outbox::Event event;
  event.aggregatetype = "dead-letter";
  event.aggregateid = delivery.key();
  event.type = "dead-letter";
  const auto payload = delivery.payload();
  const bool fits = payload.has_value() && payload->size() <= kMaxDeadLetterPayload;
  if (fits) event.payload = std::string(*payload);
  event.topic = absl::StrCat(std::string(delivery.topic()), "-dlt");
  event.traceparent = delivery.traceparent();
  event.headers = {
      {"content-type", delivery.content_type()},
      {"kafka_dlt-original-topic", std::string(delivery.topic())},
      {"kafka_dlt-original-partition", absl::StrCat(delivery.partition())},
      {"kafka_dlt-original-offset", absl::StrCat(delivery.offset())},
      {"kafka_dlt-exception-message", Printable(delivery.dead_letter().value_or(""))},
  };
  if (!delivery.tracestate().empty()) {
    event.headers.emplace_back("tracestate", delivery.tracestate());
  }
  if (payload.has_value() && !fits) {
    event.headers.emplace_back("kafka_dlt-payload-omitted", absl::StrCat(payload->size()));
  }
  return event;
}

}  // namespace inbox
