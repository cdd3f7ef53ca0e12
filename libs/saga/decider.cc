#include "libs/saga/decider.h"

#include <algorithm>

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"
#include "libs/saga/command_id.h"

namespace saga {
namespace {

bool Waits(const SentCommand& sent) { return sent.answer == Answer::kNone; }

bool WaitsForAny(const Saga& saga) {
  return std::any_of(saga.commands.begin(), saga.commands.end(), Waits);
}

bool IsApproved(const std::vector<SentCommand>& commands, absl::string_view name) {
  return std::any_of(commands.begin(), commands.end(), [&](const SentCommand& sent) {
    return sent.name == name && sent.answer == Answer::kApproved;
  });
}

// The command that the reply answers; nullptr if none waits for it.
SentCommand* FindWaiting(Saga& saga, const Reply& reply) {
  if (saga.step != reply.step) return nullptr;
  for (SentCommand& sent : saga.commands) {
    if (sent.command_id == reply.command_id) return Waits(sent) ? &sent : nullptr;
  }
  return nullptr;
}

const std::string& NameIn(const Command& command, Direction direction) {
  return direction == Direction::kAction ? command.name : command.undo;
}

bool Has(const Step& step, const SentCommand& sent) {
  return std::any_of(step.commands.begin(), step.commands.end(), [&](const Command& command) {
    return NameIn(command, sent.direction) == sent.name;
  });
}

bool Fits(const StepTable& table, const Saga& saga) {
  const Step* step = FindStep(table, saga.step);
  return step != nullptr && std::all_of(saga.commands.begin(), saga.commands.end(),
                                        [&](const SentCommand& sent) { return Has(*step, sent); });
}

// A saga that a deployment has left behind is no programming error: sagas live longer than
// programs.
absl::Status CheckFits(const StepTable& table, const Saga& saga) {
  const bool same_table = saga.type == table.type && saga.table_version == table.version;
  if (same_table && Fits(table, saga)) return absl::OkStatus();
  const std::string who = absl::StrCat("saga ", saga.tx_id, " (", saga.type, " version ",
                                       saga.table_version, ", step '", saga.step, "')");
  if (!same_table) {
    return absl::FailedPreconditionError(
        absl::StrCat(who, " was given the step table ", table.type, " version ", table.version,
                     ": run a program that has the saga's own version"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      who, " stands at a step or command that its table lacks: a table must not change ",
      "under its version; run a program whose version ", table.version, " has it"));
}

// One decision in the making.
class Deciding {
 public:
  Deciding(const StepTable& table, Saga saga) : table_(table) {
    decision_.saga = std::move(saga);
    ++decision_.saga.version;
  }

  void Begin(size_t step) {
    if (step == table_.steps.size()) return End(State::kCompleted, Event::kCompleted);
    Enter(State::kRunning, table_.steps[step]);
    for (const Command& command : table_.steps[step].commands) Send(command, Direction::kAction);
  }

  void Record(SentCommand& sent, const Reply& reply) {
    sent.answer = reply.approved ? Answer::kApproved : Answer::kRefused;
    if (reply.approved) return;
    Refusal refusal{reply.step, sent.name, reply.outcome, reply.message};
    const bool must_succeed = sent.direction == Direction::kCompensation ||
                              table_.steps[Current()].kind == StepKind::kRetriable;
    if (!must_succeed && !saga().refusal) saga().refusal = std::move(refusal);
    if (must_succeed && !saga().parked) {
      saga().parked = std::move(refusal);
      decision_.events.push_back(Event::kParked);
    }
  }

  void GoOn() {
    if (WaitsForAny(saga()) || saga().parked) return;
    const size_t step = Current();
    if (saga().state == State::kCompensating) return UndoBefore(step);
    if (saga().refusal) return UndoApprovedOf(step);
    if (table_.steps[step].kind == StepKind::kPivot) {
      decision_.events.push_back(Event::kPivotPassed);
    }
    Begin(step + 1);
  }

  Saga& saga() { return decision_.saga; }
  Decision Take() { return std::move(decision_); }

 private:
  size_t Current() { return FindStep(table_, saga().step) - table_.steps.data(); }

  // Of a refused step with parallel commands some may have been approved.
  void UndoApprovedOf(size_t refused) {
    const std::vector<SentCommand> answered = std::move(saga().commands);
    const Step& step = table_.steps[refused];
    Enter(State::kCompensating, step);
    for (const Command& command : step.commands) {
      if (IsApproved(answered, command.name)) Send(command, Direction::kCompensation);
    }
    if (saga().commands.empty()) UndoBefore(refused);
  }

  void UndoBefore(size_t undone) {
    if (undone == 0) return End(State::kCompensated, Event::kCompensated);
    const Step& step = table_.steps[undone - 1];
    Enter(State::kCompensating, step);
    for (const Command& command : step.commands) Send(command, Direction::kCompensation);
  }

  void Enter(State state, const Step& step) {
    saga().state = state;
    saga().step = step.name;
    saga().commands.clear();
  }

  void Send(const Command& command, Direction direction) {
    const std::string& name = NameIn(command, direction);
    std::string id = CommandId(saga().tx_id, saga().step, name, direction);
    saga().commands.push_back({.name = name, .direction = direction, .command_id = id});
    decision_.send.push_back({saga().step, name, command.topic, direction, std::move(id)});
  }

  void End(State state, Event event) {
    saga().state = state;
    saga().step.clear();
    saga().commands.clear();
    decision_.events.push_back(event);
  }

  const StepTable& table_;
  Decision decision_;
};

}  // namespace

Decision Start(const StepTable& table, absl::string_view tx_id) {
  ABSL_RAW_CHECK(!table.steps.empty(), "a saga needs steps: call Validate() at start-up");
  Deciding deciding(
      table, {.tx_id = std::string(tx_id), .type = table.type, .table_version = table.version});
  deciding.Begin(0);
  return deciding.Take();
}

absl::StatusOr<Decision> OnReply(const StepTable& table, const Saga& saga, const Reply& reply) {
  Deciding deciding(table, saga);
  SentCommand* answered = FindWaiting(deciding.saga(), reply);
  if (answered == nullptr) return Decision{.saga = saga, .stale = true};
  if (absl::Status fits = CheckFits(table, saga); !fits.ok()) return fits;
  deciding.Record(*answered, reply);
  deciding.GoOn();
  return deciding.Take();
}

}  // namespace saga
