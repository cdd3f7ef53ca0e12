#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "libs/saga/command_id.h"
#include "libs/saga/simulation/exhaustive.h"
#include "libs/saga/simulation/history.h"
#include "libs/saga/simulation/system.h"
#include "libs/saga/testing/journey_table.h"
#include "libs/saga/testing/order_table.h"

// A simulation that finds nothing proves little unless it finds what is there. Each bug here is one
// that somebody has shipped.
namespace saga::simulation {
namespace {

using Decided = absl::StatusOr<Decision>;

SentCommand* FirstUnanswered(Saga& saga) {
  for (SentCommand& sent : saga.commands) {
    if (sent.answer == Answer::kNone) return &sent;
  }
  return nullptr;
}

Decided MatchesWithoutCommandId(const StepTable& table, const Saga& saga, Reply reply) {
  Saga copy = saga;
  const SentCommand* waiting = FirstUnanswered(copy);
  if (waiting != nullptr) reply.command_id = waiting->command_id;
  return OnReply(table, saga, reply);
}

Decided MatchesOnTheSagaAlone(const StepTable& table, const Saga& saga, Reply reply) {
  reply.step = saga.step;
  return MatchesWithoutCommandId(table, saga, reply);
}

Decided TakesARefusedPivotForApproved(const StepTable& table, const Saga& saga, Reply reply) {
  if (reply.step == "kitchen-status") reply.approved = true;
  return OnReply(table, saga, reply);
}

Decided IsDoneAfterTheFirstParallelReply(const StepTable& table, const Saga& saga,
                                         const Reply& reply) {
  Saga hasty = saga;
  for (SentCommand& sent : hasty.commands) {
    if (sent.command_id != reply.command_id) sent.answer = Answer::kApproved;
  }
  Decided decided = OnReply(table, hasty, reply);
  if (decided.ok() && decided->stale) decided->saga = saga;
  return decided;
}

// Undoes at once, without waiting for the other commands of the step.
Decided DoesNotWaitForTheOthersOfARefusedStep(const StepTable& table, const Saga& saga,
                                              const Reply& reply) {
  Saga hasty = saga;
  for (SentCommand& sent : hasty.commands) {
    if (sent.command_id != reply.command_id && !reply.approved) sent.answer = Answer::kRefused;
  }
  Decided decided = OnReply(table, hasty, reply);
  if (decided.ok() && decided->stale) decided->saga = saga;
  return decided;
}

Decided UndoesTheRefusedStepToo(const StepTable& table, const Saga& saga, const Reply& reply) {
  Decided decided = OnReply(table, saga, reply);
  const Step* step = FindStep(table, reply.step);
  if (!decided.ok() || decided->stale || reply.approved || step->commands[0].undo.empty()) {
    return decided;
  }
  const std::string& undo = step->commands[0].undo;
  const std::string id = CommandId(saga.tx_id, step->name, undo, Direction::kCompensation);
  decided->saga.state = State::kCompensating;
  decided->saga.step = step->name;
  decided->saga.commands = {
      {.name = undo, .direction = Direction::kCompensation, .command_id = id}};
  decided->send = {{step->name, undo, step->commands[0].topic, Direction::kCompensation, id}};
  decided->events.clear();
  return decided;
}

Decided UndoesTheFirstStepFirst(const StepTable& table, const Saga& saga, const Reply& reply) {
  StepTable turned = table;
  const bool back = saga.state == State::kCompensating || !reply.approved;
  if (back) std::swap(turned.steps[0], turned.steps[1]);
  return OnReply(turned, saga, reply);
}

// Counts the position in the list instead of the name of the step: one undo too few.
Decided ForgetsTheFirstStep(const StepTable& table, const Saga& saga, const Reply& reply) {
  Decided decided = OnReply(table, saga, reply);
  const bool first = decided.ok() && !decided->stale && !decided->send.empty() &&
                     decided->saga.state == State::kCompensating &&
                     decided->saga.step == table.steps[0].name;
  if (!first) return decided;
  decided->saga.state = State::kCompensated;
  decided->saga.step.clear();
  decided->saga.commands.clear();
  decided->send.clear();
  decided->events = {Event::kCompensated};
  return decided;
}

// An eager repeat: whoever answers again is asked again.
Decided SendsAgainOnADuplicate(const StepTable& table, const Saga& saga, const Reply& reply) {
  Decided decided = OnReply(table, saga, reply);
  if (!decided.ok() || !decided->stale || Ended(saga)) return decided;
  const Step& step = *FindStep(table, saga.step);
  decided->stale = false;
  ++decided->saga.version;
  for (const SentCommand& sent : saga.commands) {
    for (const Command& command : step.commands) {
      if (command.name != sent.name) continue;
      decided->send.push_back(
          {step.name, sent.name, command.topic, sent.direction, sent.command_id});
    }
  }
  return decided;
}

System With(System::Decide decider) { return {.table = OrderTable(), .on_reply = decider}; }

struct Bug {
  std::string name;
  System system;
  std::string seen_as;  // in the first history, depth first, that shows it
};

std::vector<Bug> Bugs() {
  return {
      {"MatchesWithoutCommandId", With(MatchesWithoutCommandId),
       "is completed without CaptureCredit"},
      {"MatchesOnTheSagaAlone", With(MatchesOnTheSagaAlone), "is completed without CaptureCredit"},
      {"TakesARefusedPivotForApproved", With(TakesARefusedPivotForApproved),
       "the order is approved without CreateTicket"},
      {"IsDoneAfterTheFirstParallelReply", With(IsDoneAfterTheFirstParallelReply),
       "is completed without CaptureCredit"},
      {"DoesNotWaitForTheOthersOfARefusedStep",
       {.table = JourneyTable(), .on_reply = DoesNotWaitForTheOthersOfARefusedStep},
       "Return is sent while BookRoom of a later step is in effect"},
      {"UndoesTheRefusedStepToo", With(UndoesTheRefusedStepToo),
       "ReleaseCredit is sent, but ValidateCustomer did nothing"},
      {"UndoesTheFirstStepFirst", With(UndoesTheFirstStepFirst),
       "ReleaseStock is sent while ValidateCustomer of a later step is in"},
      {"ForgetsTheFirstStep", With(ForgetsTheFirstStep),
       "is compensated, but ReserveStock is in effect"},
      {"ParticipantForgetsItsReplies",
       {.table = OrderTable(), .participants = {.remembers_replies = false}},
       "CaptureCredit took effect twice"},
      {"ParticipantLeavesNoTombstone",
       {.table = OrderTable(), .participants = {.leaves_tombstones = false}},
       "CreateTicket took effect after it was undone"},
      {"DoorCommitsTheOffsetFirst",
       {.table = OrderTable(), .doors = {.commits_offset_last = false}},
       "saga 0 has not ended"},
      {"DoorSendsWithoutOutbox",
       {.table = OrderTable(), .doors = {.sends_through_outbox = false}},
       "is completed without CaptureCredit"},
  };
}

class PlantedBugTest : public testing::TestWithParam<Bug> {};

TEST_P(PlantedBugTest, IsSeenInRandomHistories) {
  const Report report = RunHistories(GetParam().system, /*seed=*/1, /*count=*/2000);
  EXPECT_GT(report.violations, 0u);
}

TEST_P(PlantedBugTest, IsSeenInEveryHistory) {
  const Report report = RunAll(GetParam().system, {.comes_again = 2});
  EXPECT_THAT(report.first_violation, testing::HasSubstr(GetParam().seen_as));
}

INSTANTIATE_TEST_SUITE_P(All, PlantedBugTest, testing::ValuesIn(Bugs()),
                         [](const auto& info) { return info.param.name; });

// Only the bound on deliveries sees it.
TEST(PlantedBugTest, SendingAgainOnADuplicateDoesNotEnd) {
  const Report report = RunHistories(With(SendsAgainOnADuplicate), /*seed=*/1, /*count=*/2000);
  EXPECT_THAT(report.first_violation, testing::HasSubstr("no end after"));
}

}  // namespace
}  // namespace saga::simulation
