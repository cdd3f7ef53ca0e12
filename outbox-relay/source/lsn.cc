#include "outbox-relay/source/lsn.h"

#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace relay {

std::string ToString(Lsn lsn) {
  return absl::StrFormat("%X/%X", lsn.value >> 32, lsn.value & 0xFFFFFFFF);
}

absl::StatusOr<Lsn> ParseLsn(std::string_view text) {
  uint32_t high = 0, low = 0;
  const char* const end = text.data() + text.size();
  const auto slash = std::from_chars(text.data(), end, high, 16);
  if (slash.ec == std::errc() && slash.ptr != end && *slash.ptr == '/') {
    const auto rest = std::from_chars(slash.ptr + 1, end, low, 16);
    if (rest.ec == std::errc() && rest.ptr == end) return Lsn{uint64_t{high} << 32 | low};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", std::string(text), "\" is no LSN, as 16/B374D848 is"));
}

}  // namespace relay
