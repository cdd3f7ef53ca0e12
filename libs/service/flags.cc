#include "libs/service/flags.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/service/flag_parser.h"
#include "libs/service/redact.h"
#include "libs/telemetry/check.h"

namespace service {
namespace {

absl::Status Parse(std::string_view text, bool* value) {
  static constexpr std::string_view kTrue[] = {"true", "1", "yes", "on"};
  static constexpr std::string_view kFalse[] = {"false", "0", "no", "off"};
  *value = std::find(std::begin(kTrue), std::end(kTrue), text) != std::end(kTrue);
  if (*value || std::find(std::begin(kFalse), std::end(kFalse), text) != std::end(kFalse)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("must be true or false");
}

template <typename Integer>
absl::Status ParseInteger(std::string_view text, Integer* value) {
  return absl::SimpleAtoi(std::string(text), value)
             ? absl::OkStatus()
             : absl::InvalidArgumentError("must be a whole number");
}

absl::Status Parse(std::string_view text, double* value) {
  return absl::SimpleAtod(std::string(text), value)
             ? absl::OkStatus()
             : absl::InvalidArgumentError("must be a number");
}

template <typename Duration>
absl::Status ParseDuration(std::string_view text, Duration* value, std::string_view unit) {
  std::int64_t count = 0;
  if (!ParseInteger(text, &count).ok() || count < 0 || count > 1'000'000'000) {
    return absl::InvalidArgumentError(
        absl::StrCat("must be a number of ", std::string(unit), ", without a unit"));
  }
  *value = Duration(count);
  return absl::OkStatus();
}

bool EndsWith(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

void Verb::AddEntry(Entry entry) {
  ORDER_SAGA_CHECK(std::none_of(entries_.begin(), entries_.end(),
                                [&](const Entry& e) { return e.flag.name == entry.flag.name; }),
                   "a flag is added to a verb once");
  entries_.push_back(std::move(entry));
}

void Verb::Add(std::function<absl::Status(std::string_view)> set, std::string default_text,
               Flag flag) {
  AddEntry({.flag = std::move(flag),
            .kind = Entry::Kind::kValue,
            .default_text = std::move(default_text),
            .set = [set = std::move(set)](auto values) { return set(values.back()); }});
}

void Verb::Add(std::string* value, Flag flag) {
  Add([value](std::string_view text) { return *value = text, absl::OkStatus(); }, *value,
      std::move(flag));
}

void Verb::Add(bool* value, Flag flag) {
  AddEntry({.flag = std::move(flag),
            .kind = Entry::Kind::kBool,
            .default_text = *value ? "true" : "false",
            .set = [value](auto values) { return Parse(values.back(), value); }});
}

void Verb::Add(int* value, Flag flag) {
  Add([value](std::string_view text) { return ParseInteger(text, value); }, absl::StrCat(*value),
      std::move(flag));
}

void Verb::Add(std::int64_t* value, Flag flag) {
  Add([value](std::string_view text) { return ParseInteger(text, value); }, absl::StrCat(*value),
      std::move(flag));
}

void Verb::Add(double* value, Flag flag) {
  Add([value](std::string_view text) { return Parse(text, value); }, absl::StrCat(*value),
      std::move(flag));
}

void Verb::Add(std::chrono::seconds* value, Flag flag) {
  ORDER_SAGA_CHECK(EndsWith(flag.name, "_s"), "a flag's name ends in its unit");
  Add([value](std::string_view text) { return ParseDuration(text, value, "seconds"); },
      absl::StrCat(value->count()), std::move(flag));
}

void Verb::Add(std::chrono::milliseconds* value, Flag flag) {
  ORDER_SAGA_CHECK(EndsWith(flag.name, "_ms"), "a flag's name ends in its unit");
  Add([value](std::string_view text) { return ParseDuration(text, value, "milliseconds"); },
      absl::StrCat(value->count()), std::move(flag));
}

void Verb::Add(std::vector<std::string>* value, Flag flag) {
  const std::string separator(1, flag.env_separator);
  AddEntry({.flag = std::move(flag),
            .kind = Entry::Kind::kList,
            .default_text = absl::StrJoin(*value, separator),
            .set = [value](auto values) {
              value->assign(values.begin(), values.end());
              return absl::OkStatus();
            }});
}

Flags::Flags(std::string program, std::string version, std::string summary)
    : program_(std::move(program)), version_(std::move(version)), summary_(std::move(summary)) {}

Flags::~Flags() = default;

Verb& Flags::AddVerb(std::string name, std::string summary) {
  verbs_.push_back(std::unique_ptr<Verb>(new Verb(std::move(name), std::move(summary))));
  return *verbs_.back();
}

void Flags::AddCheck(const Verb& verb, std::function<absl::Status()> check) {
  checks_.emplace_back(&verb, std::move(check));
}

Verb* Flags::FindVerb(std::string_view name) {
  for (const auto& verb : verbs_) {
    if (verb->name_ == name) return verb.get();
  }
  return nullptr;
}

std::string Flags::ParseOrExit(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  Outcome outcome = Parse(arguments, [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
  std::fputs(outcome.output.c_str(), stdout);
  std::fputs(outcome.errors.c_str(), stderr);
  if (outcome.exit_code.has_value()) std::exit(*outcome.exit_code);
  return outcome.verb;
}

Flags::Outcome Flags::Parse(std::span<const std::string> arguments,
                            const Environment& environment) {
  return FlagParser(*this, environment).Parse(arguments);
}

std::vector<std::pair<std::string, std::string>> Flags::Effective() const {
  std::vector<std::pair<std::string, std::string>> values;
  if (parsed_ == nullptr) return values;
  for (const Verb::Entry& entry : parsed_->entries_) {
    const std::string text =
        entry.given.has_value()
            ? absl::StrJoin(*entry.given, std::string(1, entry.flag.env_separator))
            : entry.default_text;
    values.emplace_back(entry.flag.name,
                        entry.flag.secret ? (text.empty() ? "" : "(set)") : Redact(text));
  }
  return values;
}

std::string EnvironmentName(std::string_view flag) {
  std::string name = "ORDER_SAGA_";
  for (const char c : flag) name += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

}  // namespace service
