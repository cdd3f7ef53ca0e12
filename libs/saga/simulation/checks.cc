#include "libs/saga/simulation/checks.h"

#include "libs/saga/simulation/participant.h"
#include "libs/saga/simulation/world.h"

namespace saga::simulation {
namespace {

template <typename Visit>
void ForEachAction(const StepTable& table, Visit visit) {
  for (const Step& step : table.steps) {
    for (const Command& action : step.commands) visit(step, action);
  }
}

// Units neither appear nor vanish, and nothing takes effect twice.
void CheckParticipant(const Participant& participant, Checks& checks) {
  int total = participant.free();
  for (const auto& [key, effect] : participant.effects()) {
    const auto& [saga, action] = key;
    total += effect.held + effect.settled;
    checks.Expect(effect.total() <= 1, "saga ", saga, ": ", action, " took effect twice");
    checks.Expect(!effect.undone || effect.total() == 0, "saga ", saga, ": ", action,
                  " is undone and yet in effect");
  }
  checks.Expect(participant.free() >= 0 && total == participant.units(), participant.topic(),
                " has ", total, " units, of ", participant.units());
}

void CheckCompleted(const World& world, int saga, Checks& checks) {
  const StepTable& table = world.system().table;
  ForEachAction(table, [&](const Step& step, const Command& action) {
    const Effect effect = world.At(action.topic).EffectOf(saga, action.name);
    checks.Expect(effect.total() == 1, "saga ", saga, " is completed without ", action.name);
    checks.Expect(step.kind != StepKind::kCompensatable || !Settles(table, action.topic) ||
                      effect.settled == 1,
                  "saga ", saga, " is completed, but ", action.name, " is not settled");
  });
}

// With the conservation of units: everything is exactly as it was before.
void CheckCompensated(const World& world, int saga, Checks& checks) {
  ForEachAction(world.system().table, [&](const Step&, const Command& action) {
    checks.Expect(world.At(action.topic).EffectOf(saga, action.name).total() == 0, "saga ", saga,
                  " is compensated, but ", action.name, " is in effect");
  });
}

void CheckSaga(const World& world, int saga, Checks& checks) {
  const SagaRun& run = world.runs()[saga];
  checks.Expect(run.ends == (Ended(run.saga) ? 1 : 0), "saga ", saga, " said ", run.ends,
                " times that it has ended, and is ", Name(run.saga.state));
  if (run.saga.state == State::kCompleted) {
    CheckCompleted(world, saga, checks);
    checks.Expect(run.order == OrderStatus::kApproved, "saga ", saga,
                  " is completed, its order is not approved");
  }
  if (run.saga.state == State::kCompensated) {
    CheckCompensated(world, saga, checks);
    checks.Expect(run.order == OrderStatus::kRejected, "saga ", saga,
                  " is compensated, its order is not rejected");
    checks.Expect(run.saga.refusal.has_value(), "saga ", saga, " is compensated without a reason");
  }
  if (run.order == OrderStatus::kApproved) {
    ForEachAction(world.system().table, [&](const Step& step, const Command& action) {
      checks.Expect(step.kind == StepKind::kRetriable ||
                        world.At(action.topic).EffectOf(saga, action.name).total() == 1,
                    "saga ", saga, ": the order is approved without ", action.name);
    });
  }
}

}  // namespace

void CheckMaySend(const World& world, int saga, const CommandToSend& command, Checks& checks) {
  const bool forward = command.direction == Direction::kAction;
  bool before = true;  // is the step that is looked at before the command's?
  for (const Step& step : world.system().table.steps) {
    const bool own = step.name == command.step;
    if (own) before = false;
    for (const Command& action : step.commands) {
      const bool there = world.At(action.topic).EffectOf(saga, action.name).total() > 0;
      if (forward && before) {
        checks.Expect(there, "saga ", saga, ": ", command.name, " is sent before ", action.name,
                      " is done");
      } else if (!forward && own && action.undo == command.name) {
        checks.Expect(there, "saga ", saga, ": ", command.name, " is sent, but ", action.name,
                      " did nothing");
      } else if (!forward && !own && !before) {
        checks.Expect(!there, "saga ", saga, ": ", command.name, " is sent while ", action.name,
                      " of a later step is in effect");
      }
    }
  }
}

void CheckNow(const World& world, Checks& checks) {
  for (const Participant& participant : world.participants()) {
    CheckParticipant(participant, checks);
  }
  for (size_t saga = 0; saga < world.runs().size(); ++saga) {
    CheckSaga(world, static_cast<int>(saga), checks);
  }
  for (const auto& [saga, action] : world.promised_gone()) {
    for (const Participant& participant : world.participants()) {
      checks.Expect(participant.EffectOf(saga, action).total() == 0, "saga ", saga, ": ", action,
                    " took effect after it was undone");
    }
  }
}

void CheckAtTheEnd(const World& world, Checks& checks) {
  for (size_t saga = 0; saga < world.runs().size(); ++saga) {
    const Saga& row = world.runs()[saga].saga;
    checks.Expect(Ended(row), "saga ", saga, " has not ended: it is ", Name(row.state),
                  " at step '", row.step, "' and nothing is in flight");
  }
}

}  // namespace saga::simulation
