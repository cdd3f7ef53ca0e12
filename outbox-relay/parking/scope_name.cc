#include "outbox-relay/parking/scope_name.h"

#include "absl/strings/str_format.h"
#include "outbox-relay/stable_hash.h"

namespace relay {
namespace {

// An entry of an index takes some 2,700 bytes (PostgreSQL docs, "B-Tree Indexes").
constexpr size_t kLongestName = 1'000;
constexpr size_t kLongestTopic = 249;  // Kafka's own limit

// `text` in at most `size` bytes, with no character cut in two.
std::string_view Cut(std::string_view text, size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

}  // namespace

void AppendScopeName(const std::optional<std::string_view>& key, std::string_view event_id,
                     std::string& out) {
  out.push_back(key ? 'k' : 'i');
  const std::string_view text = key ? *key : event_id;
  out.append(Cut(text, kLongestName));
  if (text.size() > kLongestName) absl::StrAppendFormat(&out, "#%016x", StableHash(text));
}

std::string ScopeName(const std::optional<std::string_view>& key, std::string_view event_id) {
  std::string name;
  AppendScopeName(key, event_id, name);
  return name;
}

std::string_view ScopeTopic(std::string_view topic) { return Cut(topic, kLongestTopic); }

}  // namespace relay
