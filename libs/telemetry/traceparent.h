// W3C Trace Context, version 00: which call a log line or a message belongs to. We pass on what
// came and make ids where none came; we record no spans.
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

}  // namespace telemetry

#endif  // ORDER_SAGA_LIBS_TELEMETRY_TRACEPARENT_H_
