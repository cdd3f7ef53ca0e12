#include "libs/saga/step_table.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace saga {
namespace {

constexpr size_t kMaxName = 100;
constexpr size_t kMaxTopic = 249;  // Kafka's limit

bool Lower(char c) { return absl::ascii_islower(c); }
bool Upper(char c) { return absl::ascii_isupper(c); }

// A first character, then any of the rest.
bool Matches(absl::string_view text, size_t max, bool (*first)(char), bool (*rest)(char)) {
  return !text.empty() && text.size() <= max && first(text.front()) &&
         std::all_of(text.begin() + 1, text.end(), rest);
}

bool IsTypeName(absl::string_view text) {
  return Matches(text, kMaxName, Upper,
                 [](char c) { return Upper(c) || absl::ascii_isdigit(c) || c == '_'; });
}

bool IsStepName(absl::string_view text) {
  return Matches(text, kMaxName, Lower,
                 [](char c) { return Lower(c) || absl::ascii_isdigit(c) || c == '-'; });
}

bool IsCommandName(absl::string_view text) {
  return Matches(text, kMaxName, Upper, [](char c) { return absl::ascii_isalnum(c) != 0; });
}

bool IsTopicChar(char c) { return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-'; }

bool IsTopicName(absl::string_view text) {
  return Matches(text, kMaxTopic, IsTopicChar, IsTopicChar);
}

class Validator {
 public:
  explicit Validator(const StepTable& table) : table_(table) {}

  absl::Status Run() {
    Require(IsTypeName(table_.type), "type '", table_.type, "': write it like ORDER_CREATION");
    Require(table_.version >= 1, "version ", table_.version, ": versions begin with 1");
    Require(!table_.steps.empty(), "it has no steps");
    for (const Step& step : table_.steps) CheckStep(step);
    if (errors_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("step table ", table_.type, ": ", absl::StrJoin(errors_, "; ")));
  }

 private:
  void CheckStep(const Step& step) {
    where_ = absl::StrCat("step '", step.name, "': ");
    Require(IsStepName(step.name), "write its name like product-stock");
    Require(steps_.insert(step.name).second, "another step has its name");
    CheckOrder(step);
    Require(!step.commands.empty(), "it has no commands");
    Require(step.kind != StepKind::kPivot || step.commands.size() <= 1,
            "a pivot has one command: two could disagree");
    Require(step.timeout > absl::ZeroDuration(), "its timeout must be positive");
    CheckRetry(step.retry);
    for (const Command& command : step.commands) CheckCommand(step, command);
  }

  // Once a step cannot be undone, no later step may be refused.
  void CheckOrder(const Step& step) {
    if (step.kind == StepKind::kCompensatable) {
      Require(!pivot_, "compensatable after the pivot: the saga only goes forward there");
      Require(!retriable_, "compensatable after a retriable step, which cannot be undone");
    } else if (step.kind == StepKind::kPivot) {
      Require(!pivot_, "a second pivot");
      Require(!retriable_, "the pivot comes after a retriable step, which cannot be undone");
      pivot_ = true;
    } else {
      retriable_ = true;
    }
  }

  void CheckRetry(const RetryPolicy& retry) {
    Require(retry.attempts >= 1, "retry.attempts must be 1 or more");
    Require(retry.first_delay >= absl::ZeroDuration(), "retry.first_delay must not be negative");
    Require(retry.max_delay >= retry.first_delay, "retry.max_delay is below retry.first_delay");
  }

  void CheckCommand(const Step& step, const Command& command) {
    const bool has_undo = !command.undo.empty();
    const bool has_cancel = !command.cancel.empty();
    CheckCommandName(command.name);
    Require(IsTopicName(command.topic), command.name, ": '", command.topic,
            "' is no name for a topic");
    if (has_undo) CheckCommandName(command.undo);
    if (has_cancel) CheckCommandName(command.cancel);
    Require(has_undo == (step.kind == StepKind::kCompensatable), command.name,
            has_undo ? ": only a compensatable step has an undo" : ": it needs an undo");
    if (step.kind == StepKind::kPivot) {
      Require(has_cancel || step.timeout == absl::InfiniteDuration(), command.name,
              ": a pivot with a timeout needs a cancel");
    } else {
      Require(!has_cancel, command.name, ": only a pivot has a cancel");
    }
  }

  void CheckCommandName(const std::string& name) {
    Require(IsCommandName(name), "command '", name, "': write it like ReserveStock");
    Require(commands_.insert(name).second, "command '", name, "' stands twice in the table");
  }

  template <typename... Text>
  void Require(bool holds, const Text&... text) {
    if (!holds) errors_.push_back(absl::StrCat(where_, text...));
  }

  const StepTable& table_;
  std::string where_;  // what each error begins with
  std::vector<std::string> errors_;
  std::set<std::string> steps_;
  std::set<std::string> commands_;
  bool pivot_ = false;
  bool retriable_ = false;
};

}  // namespace

absl::Status Validate(const StepTable& table) { return Validator(table).Run(); }

const Step* FindStep(const StepTable& table, absl::string_view name) {
  for (const Step& step : table.steps) {
    if (step.name == name) return &step;
  }
  return nullptr;
}

absl::string_view Name(StepKind kind) {
  switch (kind) {
    case StepKind::kCompensatable:
      return "compensatable";
    case StepKind::kPivot:
      return "pivot";
    case StepKind::kRetriable:
      return "retriable";
  }
  return "unknown";
}

}  // namespace saga
