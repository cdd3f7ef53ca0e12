#include "libs/envelope/envelope.h"

#include <google/protobuf/util/json_util.h>

#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace envelope {
namespace {

using saga::v1::Envelope;

constexpr char kJsonType[] = "application/json";

absl::Status ParseBytes(std::string_view payload, std::string_view content_type, Envelope& out) {
  if (content_type.starts_with("application/protobuf")) {
    if (!out.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
      return absl::InvalidArgumentError("the payload is no saga.v1.Envelope");
    }
    return absl::OkStatus();
  }
  if (content_type.starts_with(kJsonType)) {
    google::protobuf::util::JsonParseOptions options;
    options.ignore_unknown_fields = true;
    auto parsed = google::protobuf::util::JsonStringToMessage(
        google::protobuf::StringPiece(payload.data(), payload.size()), &out, options);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("the payload is no JSON of saga.v1.Envelope: ",
                                                     std::string(parsed.message())));
    }
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown content-type ", std::string(content_type)));
}

}  // namespace

absl::StatusOr<Parsed> Parse(std::optional<std::string_view> payload,
                             std::string_view content_type) {
  if (!payload.has_value()) return absl::InvalidArgumentError("the payload is null");
  Parsed parsed;
  absl::Status read = ParseBytes(*payload, content_type, parsed.envelope);
  if (!read.ok()) return read;
  const Envelope& envelope = parsed.envelope;
  auto tx_id = uuid::Parse(envelope.tx_id());
  if (!tx_id.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("tx_id: ", tx_id.status().message()));
  }
  auto command_id = uuid::Parse(envelope.command_id());
  if (!command_id.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("command_id: ", command_id.status().message()));
  }
  if (envelope.status() != Envelope::APPROVED && envelope.status() != Envelope::REJECTED) {
    return absl::InvalidArgumentError("status is neither APPROVED nor REJECTED");
  }
  if (envelope.step().empty()) return absl::InvalidArgumentError("step is empty");
  if (envelope.body_case() == Envelope::BODY_NOT_SET) {
    return absl::InvalidArgumentError(
        "the envelope has no body, or one this program does not know");
  }
  for (const std::string* text :
       {&envelope.target(), &envelope.step(), &envelope.outcome(), &envelope.message()}) {
    if (text->find('\0') != std::string::npos) {
      return absl::InvalidArgumentError("a text holds a NUL, which no database text can");
    }
  }
  parsed.tx_id = *tx_id;
  parsed.command_id = *command_id;
  return parsed;
}

std::string BodyType(const Envelope& envelope) {
  const auto* oneof = Envelope::descriptor()->FindOneofByName("body");
  const auto* field = Envelope::GetReflection()->GetOneofFieldDescriptor(envelope, oneof);
  return field == nullptr ? std::string() : field->message_type()->full_name();
}

outbox::Event ToEvent(const Envelope& envelope, Format format, std::string topic,
                      const std::optional<std::string>& traceparent,
                      const std::string& tracestate) {
  outbox::Event event;
  event.aggregatetype = envelope.target();
  event.aggregateid = envelope.tx_id();
  event.type = BodyType(envelope);
  event.topic = std::move(topic);
  event.traceparent = traceparent;
  std::string payload;
  if (format == Format::kJson) {
    // Fails only for messages with bad Any or Timestamp fields, of which an envelope has none.
    if (!google::protobuf::util::MessageToJsonString(envelope, &payload).ok()) std::abort();
    event.headers = {{"content-type", kJsonType}};
  } else {
    payload = envelope.SerializeAsString();
  }
  event.payload = std::move(payload);
  if (!tracestate.empty()) event.headers.emplace_back("tracestate", tracestate);
  return event;
}

}  // namespace envelope
