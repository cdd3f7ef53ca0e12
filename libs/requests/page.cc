#include "libs/requests/page.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"

namespace requests {
namespace {

constexpr int kDefaultSize = 50;
constexpr int kMaxSize = 500;
constexpr char kField[] = "page_token";
constexpr char kFault[] = "is no next_page_token of this list with these filters";

}  // namespace

Page PageOf(std::string_view list, int32_t page_size, const std::string& page_token,
            service::Violations& violations) {
  violations.Require(page_size >= 0, "page_size", "must be 0 or more");
  Page page;
  page.limit = page_size == 0 ? kDefaultSize : std::clamp(page_size, 1, kMaxSize);
  if (page_token.empty()) return page;
  const std::string prefix = std::string(list) + '\n';
  std::string text;
  if (absl::WebSafeBase64Unescape(page_token, &text) && text.starts_with(prefix) &&
      text.size() > prefix.size()) {
    page.after = text.substr(prefix.size());
  } else {
    violations.Add(kField, kFault);
  }
  return page;
}

int64_t NumberAfter(const Page& page, int64_t first, service::Violations& violations) {
  int64_t number = first;
  if (!page.after.empty() && !absl::SimpleAtoi(page.after, &number)) violations.Add(kField, kFault);
  return number;
}

uuid::Uuid IdAfter(const Page& page, const uuid::Uuid& first, service::Violations& violations) {
  if (page.after.empty()) return first;
  auto id = uuid::Parse(page.after);
  if (!id.ok()) violations.Add(kField, kFault);
  return id.value_or(first);
}

std::string TokenAfter(std::string_view list, std::string_view key) {
  std::string text(list);
  text += '\n';
  text += key;
  return absl::WebSafeBase64Escape(text);
}

uuid::Uuid GreatestId() {
  uuid::Uuid id;
  id.bytes.fill(0xff);
  return id;
}

}  // namespace requests
