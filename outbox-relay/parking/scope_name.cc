#include "outbox-relay/parking/scope_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "outbox-relay/stable_hash.h"

namespace relay {
namespace {

// An entry of an index takes some 2,700 bytes (PostgreSQL docs, "B-Tree Indexes").
constexpr size_t kLongestName = 1'000;
constexpr size_t kHash = 17;
constexpr size_t kLongestTopic = 249;  // Kafka's own limit

// `text` in at most `size` bytes, with no character cut in two.
std::string_view Cut(std::string_view text, size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

// "…#af2e510e9cc21727", as AppendShort makes it and people copy it from `parked list`.
bool IsShort(std::string_view text) {
  if (text.size() > kLongestName + kHash) return false;
  const std::string_view hash = text.substr(text.size() - kHash);
  return hash[0] == '#' && std::all_of(hash.begin() + 1, hash.end(), [](unsigned char c) {
           return absl::ascii_isxdigit(c) && !absl::ascii_isupper(c);
         });
}

void AppendShort(std::string_view text, std::string& out) {
  if (text.size() <= kLongestName || IsShort(text)) {
    out.append(text);
  } else {
    absl::StrAppendFormat(&out, "%s#%016x", Cut(text, kLongestName), StableHash(text));
  }
}

}  // namespace

void AppendScopeName(const std::optional<std::string_view>& key, std::string_view event_id,
                     std::string& out) {
  out.push_back(key ? 'k' : 'i');
  AppendShort(key ? *key : event_id, out);
}

std::string ScopeName(const std::optional<std::string_view>& key, std::string_view event_id) {
  std::string name;
  AppendScopeName(key, event_id, name);
  return name;
}

std::string_view ScopeTopic(std::string_view topic) { return Cut(topic, kLongestTopic); }

}  // namespace relay
