#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/service/flags.h"
#include "libs/service/redact.h"

namespace service {
namespace {

constexpr std::size_t kWidth = 100;

// Breaks at blanks, each line indented.
std::string Wrapped(std::string_view text, std::size_t indent) {
  std::string out;
  while (!text.empty()) {
    std::size_t length = text.size();
    if (length > kWidth - indent) {
      length = text.rfind(' ', kWidth - indent);
      if (length == std::string_view::npos || length == 0)
        length = std::min(text.find(' '), text.size());
    }
    absl::StrAppend(&out, std::string(indent, ' '), std::string(text.substr(0, length)), "\n");
    text.remove_prefix(std::min(text.size(), length + 1));
  }
  return out;
}

}  // namespace

std::string Flags::Help(const Verb* only) const {
  std::vector<std::string> names;
  for (const auto& verb : verbs_) names.push_back(verb->name_);
  std::string out = absl::StrCat(program_, " ", version_, ": ", summary_, "\n\nUsage: ", program_,
                                 " [", only != nullptr ? only->name_ : absl::StrJoin(names, "|"),
                                 "] [--flag=value …]\n");
  if (only == nullptr) {
    for (const auto& verb : verbs_) {
      absl::StrAppend(&out, "  ", verb->name_, verb == verbs_.front() ? " (default): " : ": ",
                      verb->summary_, "\n");
    }
  }
  absl::StrAppend(&out, "Each flag can be set by its environment variable too; the flag wins.\n");
  for (const auto& verb : verbs_) {
    if (only != nullptr && verb.get() != only) continue;
    absl::StrAppend(&out, "\n", program_, " ", verb->name_, "\n",
                    only != nullptr ? Wrapped(verb->summary_, 2) : "");
    for (const Verb::Entry& entry : verb->entries_) {
      const Flag& flag = entry.flag;
      std::string head = absl::StrCat("  --", flag.name);
      if (!flag.required) {
        absl::StrAppend(
            &head, "=",
            flag.secret && !entry.default_text.empty() ? "(secret)" : Redact(entry.default_text));
      }
      if (head.size() < 40) head.resize(40, ' ');
      absl::StrAppend(&out, head, " ", EnvironmentName(flag.name),
                      flag.required ? " (required)" : "",
                      entry.kind == Verb::Entry::Kind::kList ? " (repeatable)" : "", "\n",
                      Wrapped(flag.help, 6));
      if (entry.kind == Verb::Entry::Kind::kList) {
        absl::StrAppend(&out, Wrapped(absl::StrCat("In the environment values are separated by '",
                                                   std::string(1, flag.env_separator), "'."),
                                      6));
      }
      if (!flag.example.empty()) {
        absl::StrAppend(&out, "      Example: --", flag.name, "=", flag.example, "\n");
      }
    }
    if (only == nullptr || verb->examples_.empty()) continue;
    absl::StrAppend(&out, "\nExamples\n");
    for (const std::string& example : verb->examples_) {
      absl::StrAppend(&out, "  ", program_, " ", verb->name_, " ", example, "\n");
    }
  }
  absl::StrAppend(&out, "\n  --help, --version\n");
  return out;
}

std::string Flags::GroupHelp(const std::string& first_word) const {
  std::string out;
  for (const auto& verb : verbs_) {
    if (verb->name_.rfind(first_word + " ", 0) != 0) continue;
    absl::StrAppend(&out, "\n", program_, " ", verb->name_, " [--flag=value …]\n",
                    Wrapped(verb->summary_, 2), "  More: ", program_, " ", verb->name_,
                    " --help\n");
  }
  return out.empty() ? out : out.substr(1);
}

}  // namespace service
