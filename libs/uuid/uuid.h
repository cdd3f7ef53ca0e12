// UUIDs (RFC 9562): the value, its text, and the version 7 that orders by time.
//
// Message, order and saga ids are version 7, so that tables keyed by them grow at one end and can
// be partitioned by time.
#ifndef ORDER_SAGA_LIBS_UUID_UUID_H_
#define ORDER_SAGA_LIBS_UUID_UUID_H_

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace uuid {

struct Uuid {
  // Most significant byte first, as in the text.
  std::array<uint8_t, 16> bytes{};

  friend auto operator<=>(const Uuid&, const Uuid&) = default;

  template <typename H>
  friend H AbslHashValue(H h, const Uuid& id) {
    return H::combine(std::move(h), id.bytes);
  }

  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

// Accepts the 36 characters with hyphens, in either case; anything else is InvalidArgument.
absl::StatusOr<Uuid> Parse(std::string_view text);

// 36 lower-case characters.
std::string ToString(const Uuid& id);

// `bytes` must hold exactly 16.
Uuid FromBytes(std::string_view bytes);

// A new version 7 id: milliseconds of the wall clock, then a sub-millisecond fraction (RFC 9562,
// section 6.2, method 3), then random bits. Ids made by one thread strictly increase, also
// when the clock steps back. Thread-safe; aborts if the system has no randomness.
Uuid NewV7();

bool IsV7(const Uuid& id);

// The moment a version 7 id carries, in milliseconds since the Unix epoch.
int64_t V7Milliseconds(const Uuid& id);

}  // namespace uuid

#endif  // ORDER_SAGA_LIBS_UUID_UUID_H_
