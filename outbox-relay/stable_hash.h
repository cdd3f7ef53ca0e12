// A hash that is the same in every build and process.
#ifndef ORDER_SAGA_OUTBOX_RELAY_STABLE_HASH_H_
#define ORDER_SAGA_OUTBOX_RELAY_STABLE_HASH_H_

#include <cstdint>
#include <string_view>

namespace relay {

// FNV-1a, 64 bits (RFC 9923). Not for where somebody gains by a collision.
constexpr uint64_t StableHash(std::string_view text) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_STABLE_HASH_H_
