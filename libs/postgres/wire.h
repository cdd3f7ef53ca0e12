// Postgres's binary formats: network byte order, and the type ids of pg_type.dat, which never
// change.
#ifndef ORDER_SAGA_LIBS_POSTGRES_WIRE_H_
#define ORDER_SAGA_LIBS_POSTGRES_WIRE_H_

#include <libpq-fe.h>

#include <cstdint>
#include <string>

namespace postgres::wire {

inline constexpr Oid kBool = 16, kBytea = 17, kInt8 = 20, kText = 25, kUuid = 2950;
inline constexpr Oid kBoolArray = 1000, kByteaArray = 1001, kTextArray = 1009, kInt8Array = 1016,
                     kUuidArray = 2951;

// Timestamps count microseconds from 2000-01-01 00:00 UTC; the Unix epoch is this much earlier.
inline constexpr int64_t kPostgresEpochUnixMicroseconds = 946'684'800'000'000;

inline void PutInt32(std::string& out, int32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

inline void PutInt64(std::string& out, int64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

// `size` bytes (1 to 8) as a signed number.
inline int64_t GetInt(const char* bytes, int size) {
  int64_t value = static_cast<signed char>(bytes[0]);
  for (int i = 1; i < size; ++i) {
    value = static_cast<int64_t>(static_cast<uint64_t>(value) << 8 |
                                 static_cast<unsigned char>(bytes[i]));
  }
  return value;
}

}  // namespace postgres::wire

#endif  // ORDER_SAGA_LIBS_POSTGRES_WIRE_H_
