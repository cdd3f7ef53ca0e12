#include "libs/saga/command_id.h"

#include <openssl/evp.h>

#include <array>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace saga {
namespace {

constexpr size_t kUuidBytes = 16;
constexpr size_t kUuidText = 36;

bool IsDashAt(size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

// The 16 bytes of a UUID.
std::string BytesOf(absl::string_view uuid) {
  std::string hex;
  bool valid = uuid.size() == kUuidText;
  for (size_t i = 0; valid && i < uuid.size(); ++i) {
    valid = IsDashAt(i) ? uuid[i] == '-' : absl::ascii_isxdigit(uuid[i]);
    if (!IsDashAt(i)) hex.push_back(uuid[i]);
  }
  ABSL_RAW_CHECK(valid, "a saga's tx_id must be a UUID");
  // Not absl::HexStringToBytes: its form that Debian 12 has is deprecated in Debian 13's.
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::string TextOf(absl::string_view bytes) {
  std::string text = absl::BytesToHexString(bytes);
  for (const size_t dash : {8, 13, 18, 23}) text.insert(dash, 1, '-');
  return text;
}

}  // namespace

std::string CommandId(absl::string_view tx_id, absl::string_view step, absl::string_view command,
                      Direction direction) {
  const std::string hashed = absl::StrCat(BytesOf(tx_id), step, "/", command, "/", Name(direction));
  std::array<unsigned char, EVP_MAX_MD_SIZE> sha1;
  const int done =
      EVP_Digest(hashed.data(), hashed.size(), sha1.data(), nullptr, EVP_sha1(), nullptr);
  ABSL_RAW_CHECK(done == 1, "OpenSSL refused SHA-1, which UUIDv5 is made of");
  sha1[6] = (sha1[6] & 0x0f) | 0x50;  // version 5
  sha1[8] = (sha1[8] & 0x3f) | 0x80;  // RFC 9562's variant
  return TextOf({reinterpret_cast<const char*>(sha1.data()), kUuidBytes});
}

}  // namespace saga
