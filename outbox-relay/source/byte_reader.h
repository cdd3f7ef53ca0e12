// Reads Postgres's wire formats: big-endian numbers and texts, never beyond the end.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_BYTE_READER_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_BYTE_READER_H_

#include <cstdint>
#include <string_view>

namespace relay {

// Once something is missing, everything read is 0 or empty and ok() stays false: callers read a
// whole message and ask once. Views point into the bytes given.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  // What is left to read.
  std::string_view rest() const { return bytes_; }

  uint8_t Uint8() { return static_cast<uint8_t>(Number(1)); }
  uint16_t Uint16() { return static_cast<uint16_t>(Number(2)); }
  uint32_t Uint32() { return static_cast<uint32_t>(Number(4)); }
  uint64_t Uint64() { return Number(8); }
  int64_t Int64() { return static_cast<int64_t>(Number(8)); }

  std::string_view Bytes(size_t size) {
    if (size > bytes_.size()) return Missing();
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }

  // A text that ends with a zero byte, without it.
  std::string_view CString() {
    const size_t end = bytes_.find('\0');
    if (end == std::string_view::npos) return Missing();
    const std::string_view taken = bytes_.substr(0, end);
    bytes_.remove_prefix(end + 1);
    return taken;
  }

 private:
  uint64_t Number(size_t size) {
    uint64_t value = 0;
    for (unsigned char byte : Bytes(size)) value = value << 8 | byte;
    return value;
  }

  std::string_view Missing() {
    ok_ = false;
    bytes_ = {};
    return {};
  }

  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_BYTE_READER_H_
