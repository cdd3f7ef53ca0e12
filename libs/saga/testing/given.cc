#include "libs/saga/testing/given.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/saga/command_id.h"

namespace saga {
namespace {

constexpr char kTxId[] = "0190b5a8-7c3e-7d4f-8a1b-2c3d4e5f6071";

absl::string_view Name(Event event) {
  switch (event) {
    case Event::kPivotPassed:
      return "pivot passed";
    case Event::kCompleted:
      return "completed";
    case Event::kCompensated:
      return "compensated";
    case Event::kParked:
      return "parked";
  }
  return "unknown";
}

std::string Describe(const std::vector<std::string>& sends, const std::vector<Event>& events,
                     bool stale) {
  std::vector<std::string> parts;
  if (stale) parts.push_back("changes nothing");
  if (!sends.empty()) parts.push_back(absl::StrCat("sends ", absl::StrJoin(sends, ", ")));
  for (const Event event : events) parts.emplace_back(Name(event));
  return parts.empty() ? "waits for more" : absl::StrJoin(parts, "; ");
}

std::string Describe(const Decision& decision) {
  std::vector<std::string> sends;
  for (const CommandToSend& command : decision.send) sends.push_back(command.name);
  return Describe(sends, decision.events, decision.stale);
}

std::string OutcomeIn(const Saga& saga) {
  const std::optional<Refusal>& no = saga.parked ? saga.parked : saga.refusal;
  return no ? no->outcome : "";
}

}  // namespace

Given::Given(StepTable table)
    : table_(std::move(table)), decision_(Start(table_, kTxId)), way_("started") {}

Given& Given::At(absl::string_view step, Where where) {
  DriveTo(State::kRunning, step, where);
  return *this;
}

Given& Given::BackAt(absl::string_view step, Where where) {
  DriveTo(State::kCompensating, step, where);
  return *this;
}

void Given::DriveTo(State state, absl::string_view step, Where where) {
  while (saga().state != state || saga().step != step) {
    if (Ended(saga()) || saga().parked) {
      return Fail(absl::StrCat("the saga never stands at ", step), where);
    }
    const std::vector<SentCommand> commands = saga().commands;
    for (const SentCommand& sent : commands) {
      if (sent.answer == Answer::kNone) When(Approved(sent.name), where);
    }
  }
}

Reply Given::ReplyOf(const Answered& answered, Where where) const {
  for (const Step& step : table_.steps) {
    for (const Command& command : step.commands) {
      const bool action = command.name == answered.command;
      if (!action && command.undo != answered.command) continue;
      const Direction direction = action ? Direction::kAction : Direction::kCompensation;
      return {.step = step.name,
              .command_id = CommandId(saga().tx_id, step.name, answered.command, direction),
              .approved = answered.approved,
              .outcome = answered.outcome,
              .message = answered.approved ? "" : absl::StrCat("because ", answered.outcome)};
    }
  }
  Fail(absl::StrCat("the table has no command ", answered.command), where);
  return {};
}

Given& Given::When(const Answered& answered, Where where) {
  absl::StrAppend(&way_, answered.approved ? ", approved " : ", refused ", answered.command);
  return When(ReplyOf(answered, where), where);
}

Given& Given::When(const Reply& reply, Where where) {
  absl::StatusOr<Decision> decision = OnReply(table_, saga(), reply);
  if (!decision.ok()) {
    Fail(decision.status().ToString(), where);
    return *this;
  }
  const int64_t step = decision->stale ? 0 : 1;
  if (decision->saga.version != saga().version + step) Fail("the version is wrong", where);
  if (decision->stale && decision->saga != saga()) Fail("stale, but the saga changed", where);
  decision_ = *std::move(decision);
  return *this;
}

Given& Given::Then(const Expected& expected, Where where) {
  const std::string want = Describe(expected.sends, expected.events, expected.stale);
  const std::string got = Describe(decision_);
  if (got != want) Fail(absl::StrCat("expected: ", want, "\n  decided: ", got), where);
  const std::string outcome = OutcomeIn(saga());
  if (expected.outcome && *expected.outcome != outcome) {
    Fail(absl::StrCat("expected outcome ", *expected.outcome, ", got '", outcome, "'"), where);
  }
  return *this;
}

Given& Given::Then(const Expected& first, const Expected& second, Where where) {
  Expected both = first;
  both.sends.insert(both.sends.end(), second.sends.begin(), second.sends.end());
  both.events.insert(both.events.end(), second.events.begin(), second.events.end());
  if (second.outcome) both.outcome = second.outcome;
  return Then(both, where);
}

void Given::Fail(const std::string& what, Where where) const {
  ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line()))
      << way_ << "\n  " << what << "\n  the saga is " << saga::Name(saga().state) << " at '"
      << saga().step << "'";
}

}  // namespace saga
