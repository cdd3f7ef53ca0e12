// The 36 characters of a uuid, written where the caller says: one for each event, so without memory
// of its own.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_UUID_TEXT_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_UUID_TEXT_H_

#include <array>
#include <string_view>

namespace relay {

// `bytes` must hold 16.
inline std::string_view WriteUuidText(std::string_view bytes, std::array<char, 36>& out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  size_t at = 0;
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out[at++] = '-';
    const auto byte = static_cast<unsigned char>(bytes[i]);
    out[at++] = kDigits[byte >> 4];
    out[at++] = kDigits[byte & 15];
  }
  return {out.data(), out.size()};
}

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_UUID_TEXT_H_
