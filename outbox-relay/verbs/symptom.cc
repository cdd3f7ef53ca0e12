#include "outbox-relay/verbs/symptom.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/service/redact.h"

namespace relay {
namespace {

const char* NameOf(Symptom::Level level) {
  switch (level) {
    case Symptom::Level::kOk:
      return "OK";
    case Symptom::Level::kWarn:
      return "WARN";
    case Symptom::Level::kFail:
      return "FAIL";
  }
  return "FAIL";
}

// Servers' own messages may have several lines, and may repeat a connection string.
std::string OneLine(std::string_view text) {
  std::string line = service::Redact(text);
  for (char& c : line) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  return line;
}

}  // namespace

void Symptoms::FailBy(std::string check, const absl::Status& why) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(std::string(why.message()), absl::MaxSplits(". Fix: ", 1));
  Fail(std::move(check), parts.first, parts.second);
}

std::string ToText(const std::string& subject, const Symptom& symptom) {
  std::string level = NameOf(symptom.level);
  level.resize(5, ' ');
  return absl::StrCat(level, subject, "  ", symptom.check, ": ", OneLine(symptom.text),
                      symptom.fix.empty() ? "" : ". Fix: ", OneLine(symptom.fix));
}

std::string ToJson(const std::string& subject, const Symptom& symptom) {
  const nlohmann::json out = {{"level", NameOf(symptom.level)},
                              {"subject", subject},
                              {"check", symptom.check},
                              {"text", OneLine(symptom.text)},
                              {"fix", OneLine(symptom.fix)}};
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace relay
