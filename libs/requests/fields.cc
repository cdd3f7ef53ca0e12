#include "libs/requests/fields.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/uuid/uuid.h"

namespace requests {
namespace {

constexpr int64_t kMaxNameCharacters = 200;

// Code points: each begins with a byte that is no continuation.
int64_t CharactersOf(std::string_view utf8) {
  return std::ranges::count_if(utf8, [](char c) { return (c & 0xc0) != 0x80; });
}

}  // namespace

void CheckId(int64_t id, std::string_view field, service::Violations& violations) {
  violations.Require(id >= 1, field, "must be 1 or more");
}

void CheckText(std::string_view text, int64_t min, int64_t max, std::string_view field,
               service::Violations& violations) {
  const int64_t characters = CharactersOf(text);
  violations.Require(characters >= min && characters <= max, field,
                     absl::StrCat("must be ", min, " to ", max, " characters"));
  violations.Require(std::ranges::none_of(text, [](char c) { return absl::ascii_iscntrl(c); }),
                     field, "must not hold control characters");
}

void CheckName(std::string_view name, std::string_view field, service::Violations& violations) {
  CheckText(name, 1, kMaxNameCharacters, field, violations);
}

void CheckMoney(const money::v1::Money& money, std::string_view field,
                service::Violations& violations) {
  const std::string& code = money.currency_code();
  violations.Require(
      code.size() == 3 && std::ranges::all_of(code, [](char c) { return c >= 'A' && c <= 'Z'; }),
      std::string(field) + ".currency_code", "must be three capital letters (ISO 4217)");
  violations.Require(money.minor_units() >= 0 && money.minor_units() <= kMaxMinorUnits,
                     std::string(field) + ".minor_units",
                     absl::StrCat("must be 0 to ", kMaxMinorUnits));
}

void CheckRequestId(const std::string& request_id, service::Violations& violations) {
  violations.Require(request_id.empty() || uuid::Parse(request_id).ok(), "request_id",
                     "must be a UUID, or empty");
}

}  // namespace requests
