#include "libs/telemetry/traceparent.h"

#include <sys/random.h>

#include <algorithm>

#include "libs/telemetry/check.h"

namespace telemetry {
namespace {

constexpr std::size_t kLength = 55;
constexpr std::size_t kLongestState = 512;

bool IsLowerHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool AllZero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

bool IsValid(std::string_view text) {
  if (text.size() < kLength) return false;
  const std::string_view version = text.substr(0, 2), trace = text.substr(3, 32),
                         parent = text.substr(36, 16), flags = text.substr(53, 2);
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  if (!IsLowerHex(version) || !IsLowerHex(trace) || !IsLowerHex(parent) || !IsLowerHex(flags)) {
    return false;
  }
  if (version == "ff" || AllZero(trace) || AllZero(parent)) return false;
  if (version == "00" && text.size() != kLength) return false;
  return text.size() == kLength || text[kLength] == '-';
}

}  // namespace

Traceparent Traceparent::New() {
  unsigned char random[24];
  // Up to 256 bytes come whole and without waiting once the kernel's pool is ready.
  ORDER_SAGA_CHECK(getrandom(random, sizeof random, 0) == sizeof random, "getrandom");
  random[0] |= 1;  // no id may be all zeros
  random[16] |= 1;
  constexpr char kHex[] = "0123456789abcdef";
  std::string text = "00-";
  for (std::size_t i = 0; i < sizeof random; ++i) {
    if (i == 16) text += '-';
    text += kHex[random[i] >> 4];
    text += kHex[random[i] & 15];
  }
  return Traceparent(text + "-00");
}

std::optional<Traceparent> Traceparent::Parse(std::string_view text) {
  if (!IsValid(text)) return std::nullopt;
  std::string known = "00";
  known += text.substr(2, kLength - 2);
  return Traceparent(std::move(known));
}

std::string_view TraceIdIn(std::string_view traceparent) {
  return IsValid(traceparent) ? traceparent.substr(3, 32) : std::string_view();
}

std::string_view UsableTracestate(std::string_view text) {
  const bool usable = text.size() <= kLongestState &&
                      std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
  return usable ? text : std::string_view();
}

}  // namespace telemetry
