// W3C Trace Context, version 00: which call a log line or a message belongs to. We pass on what
// came and make ids where none came; we record no spans.
//
// Log lines about one order have the field trace_id, messages the headers traceparent and
// tracestate.
#ifndef ORDER_SAGA_LIBS_TELEMETRY_TRACEPARENT_H_
#define ORDER_SAGA_LIBS_TELEMETRY_TRACEPARENT_H_

#include <optional>
#include <string>
#include <string_view>

namespace telemetry {

class Traceparent {
 public:
  // Random ids, not sampled.
  static Traceparent New();
  // Nothing if the text is not valid: 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, lower
  // case, no id all zeros. A later version is read by its first four fields, as the standard asks.
  static std::optional<Traceparent> Parse(std::string_view text);

  // The header's value, 55 characters.
  const std::string& ToString() const { return text_; }
  // 32 hex digits; what logs call trace_id.
  std::string_view trace_id() const { return std::string_view(text_).substr(3, 32); }

 private:
  explicit Traceparent(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// The trace id of a header's value that may have come from anyone; empty if it is none. A view into
// the text: cheap enough for each message.
std::string_view TraceIdIn(std::string_view traceparent);

// A tracestate as it may be passed on: the text itself, or nothing if it is longer than the 512
// bytes that everybody must take, or has other bytes than printable ASCII.
std::string_view UsableTracestate(std::string_view text);

}  // namespace telemetry

#endif  // ORDER_SAGA_LIBS_TELEMETRY_TRACEPARENT_H_
