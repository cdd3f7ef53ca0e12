#include "libs/service/flag_parser.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/service/redact.h"

namespace service {
namespace {

// How a value that is wrong is shown: never a secret one.
std::string Shown(const Flag& flag, const std::string& value) {
  return flag.secret ? "(secret value)" : absl::StrCat("\"", Redact(value), "\"");
}

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

std::string DidYouMean(const std::vector<std::string>& words, std::string_view prefix) {
  if (words.empty()) return "";
  return absl::StrCat("; did you mean ", std::string(prefix),
                      absl::StrJoin(words, absl::StrCat(" or ", std::string(prefix))), "?");
}

}  // namespace

std::vector<std::string> Nearest(std::string_view word, std::span<const std::string> candidates) {
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = EditDistance(word, candidate);
    const bool begins = word.size() >= 3 && candidate.compare(0, word.size(), word) == 0;
    if (begins ||
        distance <= std::max<std::size_t>(1, std::min(word.size(), candidate.size()) / 3)) {
      near.emplace_back(begins ? 0 : distance, candidate);
    }
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> words;
  for (const auto& [distance, candidate] : near) {
    if (words.size() < 3) words.push_back(candidate);
  }
  return words;
}

Flags::Outcome FlagParser::Parse(std::span<const std::string> arguments) {
  Verb* verb = flags_.verbs_.front().get();
  bool verb_given = false;
  if (!arguments.empty() && !arguments.front().empty() && arguments.front().front() != '-') {
    if (arguments.front() == "help") return {.exit_code = 0, .output = flags_.Help(nullptr)};
    // A verb may be two words: "parked list".
    std::size_t words = 2;
    verb = arguments.size() < 2 ? nullptr
                                : flags_.FindVerb(absl::StrCat(arguments[0], " ", arguments[1]));
    if (verb == nullptr) {
      words = 1;
      verb = flags_.FindVerb(arguments.front());
    }
    if (verb == nullptr) {
      const bool asks = std::any_of(arguments.begin() + 1, arguments.end(), [](const auto& word) {
        return word == "--help" || word == "-h" || word == "help";
      });
      const std::string group = asks ? flags_.GroupHelp(arguments.front()) : "";
      return group.empty() ? UnknownVerb(arguments.front())
                           : Flags::Outcome{.exit_code = 0, .output = group};
    }
    arguments = arguments.subspan(words);
    verb_given = true;
  }
  for (const std::string& argument : arguments) {
    if (argument == "--help" || argument == "-h") {
      return {.exit_code = 0, .output = flags_.Help(verb_given ? verb : nullptr)};
    }
    if (argument == "--version") {
      return {.exit_code = 0, .output = absl::StrCat(flags_.program_, " ", flags_.version_, "\n")};
    }
  }

  ReadArguments(*verb, arguments);
  ReadEnvironment(*verb);
  SetAndCheck(*verb);
  CheckRequired(*verb);
  if (errors_.empty()) {
    for (const auto& [checked, check] : flags_.checks_) {
      if (checked != verb) continue;
      if (const absl::Status status = check(); !status.ok()) {
        errors_.push_back(Redact(std::string(status.message())));
      }
    }
  }
  flags_.parsed_ = verb;
  if (errors_.empty()) return {.verb = verb->name_};

  const std::string command = absl::StrCat(flags_.program_, " ", verb->name_);
  return {.exit_code = 2,
          .errors = absl::StrCat(command, ": ", errors_.size(),
                                 errors_.size() == 1 ? " error" : " errors",
                                 " in the configuration:\n  ", absl::StrJoin(errors_, "\n  "),
                                 "\nEvery flag is explained by: ", command, " --help\n")};
}

void FlagParser::ReadArguments(Verb& verb, std::span<const std::string> arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument.rfind("--", 0) != 0 || argument.size() < 3) {
      errors_.push_back(absl::StrCat("\"", Redact(argument), "\" is not expected here: ",
                                     flags_.FindVerb(argument) != nullptr
                                         ? "the verb comes first"
                                         : "flags are written --name=value"));
      continue;
    }
    const std::size_t equals = argument.find('=');
    std::string name = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
    std::replace(name.begin(), name.end(), '-', '_');
    const auto find = [&verb](const std::string& wanted) {
      const auto found = std::find_if(verb.entries_.begin(), verb.entries_.end(),
                                      [&](const auto& entry) { return entry.flag.name == wanted; });
      return found == verb.entries_.end() ? nullptr : &*found;
    };
    Verb::Entry* entry = find(name);
    if (entry == nullptr && name.rfind("no_", 0) == 0 && equals == std::string::npos) {
      Verb::Entry* negated = find(name.substr(3));
      if (negated != nullptr && negated->kind == Verb::Entry::Kind::kBool) {
        Give(*negated, "false");
        continue;
      }
    }
    if (entry == nullptr) {
      errors_.push_back(UnknownFlag(verb, name));
      // Its value, if one follows, is no error of its own.
      if (equals == std::string::npos && i + 1 < arguments.size() &&
          arguments[i + 1].rfind("--", 0) != 0) {
        ++i;
      }
    } else if (equals != std::string::npos) {
      Give(*entry, argument.substr(equals + 1));
    } else if (entry->kind == Verb::Entry::Kind::kBool) {
      Give(*entry, "true");
    } else if (i + 1 < arguments.size() && arguments[i + 1].rfind("--", 0) != 0) {
      Give(*entry, arguments[++i]);
    } else {
      errors_.push_back(absl::StrCat("--", name, ": a value is missing, write --", name, "=",
                                     entry->flag.example.empty() ? "VALUE" : entry->flag.example));
    }
  }
}

void FlagParser::Give(Verb::Entry& entry, const std::string& value) {
  if (entry.given.has_value() && entry.kind != Verb::Entry::Kind::kList) {
    errors_.push_back(absl::StrCat("--", entry.flag.name, ": given more than once"));
  }
  if (!entry.given.has_value()) entry.given.emplace();
  entry.given->push_back(value);
}

void FlagParser::ReadEnvironment(Verb& verb) {
  for (Verb::Entry& entry : verb.entries_) {
    if (entry.given.has_value()) continue;
    const std::optional<std::string> text = environment_(EnvironmentName(entry.flag.name));
    // An empty variable is as good as none: deployment files often cannot leave one out.
    if (!text.has_value() || text->empty()) continue;
    entry.from_environment = true;
    if (entry.kind == Verb::Entry::Kind::kList) {
      entry.given = std::vector<std::string>(
          absl::StrSplit(*text, entry.flag.env_separator, absl::SkipWhitespace()));
    } else {
      entry.given = {*text};
    }
  }
}

void FlagParser::SetAndCheck(Verb& verb) {
  for (Verb::Entry& entry : verb.entries_) {
    if (!entry.given.has_value()) continue;
    absl::Status status;
    const std::string* wrong = &entry.given->back();
    if (entry.flag.check) {
      for (const std::string& value : *entry.given) {
        wrong = &value;
        status = entry.flag.check(value);
        if (!status.ok()) break;
      }
    }
    if (status.ok()) status = entry.set(*entry.given);
    if (status.ok()) continue;
    errors_.push_back(absl::StrCat(
        entry.from_environment ? EnvironmentName(entry.flag.name)
                               : absl::StrCat("--", entry.flag.name),
        "=", Shown(entry.flag, *wrong), ": ",
        entry.flag.secret ? "is not valid" : Redact(std::string(status.message())), " (",
        entry.from_environment ? absl::StrCat("or use --", entry.flag.name)
                               : absl::StrCat("or set ", EnvironmentName(entry.flag.name)),
        ")"));
  }
}

void FlagParser::CheckRequired(const Verb& verb) {
  for (const Verb::Entry& entry : verb.entries_) {
    const bool empty =
        !entry.given.has_value() || entry.given->empty() || entry.given->back().empty();
    if (!entry.flag.required || !empty) continue;
    errors_.push_back(absl::StrCat("--", entry.flag.name, " is required: ", entry.flag.help,
                                   " Pass --", entry.flag.name, "=",
                                   entry.flag.example.empty() ? "VALUE" : entry.flag.example,
                                   " or set ", EnvironmentName(entry.flag.name)));
  }
}

std::string FlagParser::UnknownFlag(const Verb& verb, const std::string& name) const {
  std::vector<std::string> known;
  for (const Verb::Entry& entry : verb.entries_) known.push_back(entry.flag.name);
  for (const auto& other : flags_.verbs_) {
    for (const Verb::Entry& entry : other->entries_) {
      if (entry.flag.name == name) {
        return absl::StrCat("--", name, ": belongs to the verb ", other->name_, ", not to ",
                            verb.name_);
      }
    }
  }
  return absl::StrCat("--", name, ": unknown flag", DidYouMean(Nearest(name, known), "--"));
}

Flags::Outcome FlagParser::UnknownVerb(const std::string& name) const {
  std::vector<std::string> known;
  for (const auto& verb : flags_.verbs_) known.push_back(verb->name_);
  return {.exit_code = 2,
          .errors = absl::StrCat(flags_.program_, ": unknown verb \"", Redact(name), "\"",
                                 DidYouMean(Nearest(name, known), ""),
                                 "\nVerbs: ", absl::StrJoin(known, ", "),
                                 ". More: ", flags_.program_, " --help\n")};
}

}  // namespace service
