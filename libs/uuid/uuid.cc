#include "libs/uuid/uuid.h"

#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace uuid {
namespace {

// Where the text has its hyphens.
constexpr bool IsHyphen(size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = absl::ascii_tolower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Random bytes, fetched from the kernel in blocks: a system call an id would be its main cost.
void FillRandom(uint8_t* out, size_t size) {
  thread_local std::array<uint8_t, 512> block;
  thread_local size_t used = block.size();
  if (used + size > block.size()) {
    size_t have = 0;
    while (have < block.size()) {
      ssize_t got = getrandom(block.data() + have, block.size() - have, 0);
      if (got < 0 && errno != EINTR) std::abort();
      if (got > 0) have += static_cast<size_t>(got);
    }
    used = 0;
  }
  std::memcpy(out, block.data() + used, size);
  used += size;
}

}  // namespace

absl::StatusOr<Uuid> Parse(std::string_view text) {
  Uuid id;
  size_t digits = 0;
  if (text.size() == 36) {
    for (size_t i = 0; i < text.size(); ++i) {
      if (IsHyphen(i)) {
        if (text[i] != '-') break;
        continue;
      }
      int digit = HexDigit(text[i]);
      if (digit < 0) break;
      id.bytes[digits / 2] = static_cast<uint8_t>(id.bytes[digits / 2] << 4 | digit);
      ++digits;
    }
  }
  if (digits != 32) {
    return absl::InvalidArgumentError(
        absl::StrCat("not a UUID: \"", absl::CHexEscape(std::string(text.substr(0, 64))),
                     "\"; expected 8-4-4-4-12 hexadecimal digits"));
  }
  return id;
}

std::string ToString(const Uuid& id) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (size_t i = 0; i < id.bytes.size(); ++i) {
    if (IsHyphen(text.size())) text.push_back('-');
    text.push_back(kHex[id.bytes[i] >> 4]);
    text.push_back(kHex[id.bytes[i] & 15]);
  }
  return text;
}

Uuid FromBytes(std::string_view bytes) {
  Uuid id;
  if (bytes.size() != id.bytes.size()) std::abort();
  std::memcpy(id.bytes.data(), bytes.data(), bytes.size());
  return id;
}

Uuid NewV7() {
  // 48 bits of milliseconds and 12 bits of their fraction, as one number that only grows.
  using std::chrono::nanoseconds;
  auto since_epoch =
      std::chrono::duration_cast<nanoseconds>(std::chrono::system_clock::now().time_since_epoch());
  const uint64_t ns = static_cast<uint64_t>(since_epoch.count());
  uint64_t stamp = (ns / 1'000'000) << 12 | ((ns % 1'000'000) << 12) / 1'000'000;
  thread_local uint64_t last = 0;
  last = stamp = std::max(stamp, last + 1);

  Uuid id;
  FillRandom(id.bytes.data() + 8, 8);
  const uint64_t milliseconds = stamp >> 12;
  for (int i = 0; i < 6; ++i) id.bytes[i] = static_cast<uint8_t>(milliseconds >> (40 - 8 * i));
  id.bytes[6] = static_cast<uint8_t>(0x70 | (stamp >> 8 & 0x0f));
  id.bytes[7] = static_cast<uint8_t>(stamp);
  id.bytes[8] = static_cast<uint8_t>(0x80 | (id.bytes[8] & 0x3f));
  return id;
}

bool IsV7(const Uuid& id) { return id.bytes[6] >> 4 == 7 && id.bytes[8] >> 6 == 2; }

int64_t V7Milliseconds(const Uuid& id) {
  int64_t milliseconds = 0;
  for (int i = 0; i < 6; ++i) milliseconds = milliseconds << 8 | id.bytes[i];
  return milliseconds;
}

}  // namespace uuid
