// saga.v1.Envelope on its way into the outbox and out of Kafka.
#ifndef ORDER_SAGA_LIBS_ENVELOPE_ENVELOPE_H_
#define ORDER_SAGA_LIBS_ENVELOPE_ENVELOPE_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "libs/outbox/outbox.h"
#include "libs/uuid/uuid.h"
#include "saga/v1/envelope.pb.h"

namespace envelope {

// How payloads are written. Readers go by the content-type header.
enum class Format { kProtobuf, kJson };

// An envelope with the ids that every message of a saga must have.
struct Parsed {
  saga::v1::Envelope envelope;
  uuid::Uuid tx_id;
  uuid::Uuid command_id;
};

// InvalidArgument, saying what is wrong: bytes that do not parse, an unknown content type, an id
// that is no UUID, no status, no step, no body, a NUL in a text. Fields that this program does not
// know are kept.
absl::StatusOr<Parsed> Parse(std::optional<std::string_view> payload,
                             std::string_view content_type);

// "product.v1.ReserveStock"; empty without a body.
std::string BodyType(const saga::v1::Envelope& envelope);

// The outbox row for a message: keyed by tx_id, typed by its body. An empty `tracestate` is none.
outbox::Event ToEvent(const saga::v1::Envelope& envelope, Format format, std::string topic,
                      const std::optional<std::string>& traceparent,
                      const std::string& tracestate = "");

}  // namespace envelope

#endif  // ORDER_SAGA_LIBS_ENVELOPE_ENVELOPE_H_
