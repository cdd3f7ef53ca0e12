#include "libs/saga/simulation/participant.h"

#include "absl/base/internal/raw_logging.h"
#include "absl/strings/str_cat.h"

namespace saga::simulation {
namespace {

Reply Approved() { return {.approved = true}; }
Reply Refused(std::string outcome) { return {.outcome = std::move(outcome)}; }

}  // namespace

const Command& ActionOf(const Step& step, const std::string& command) {
  for (const Command& action : step.commands) {
    if (action.name == command || action.undo == command || action.cancel == command) return action;
  }
  ABSL_RAW_CHECK(false, "a participant was sent a command that the step table lacks");
  return step.commands.front();
}

bool Settles(const StepTable& table, const std::string& topic) {
  for (const Step& step : table.steps) {
    if (step.kind != StepKind::kRetriable) continue;
    for (const Command& command : step.commands) {
      if (command.topic == topic) return true;
    }
  }
  return false;
}

Reply Participant::Handle(const System& system, int saga, const CommandToSend& command,
                          bool willing) {
  if (const auto known = replies_.find(command.command_id); known != replies_.end()) {
    return known->second;
  }
  Reply reply = Decide(system, saga, command, willing);
  reply.step = command.step;
  reply.command_id = command.command_id;
  if (system.participants.remembers_replies) replies_[command.command_id] = reply;
  return reply;
}

Reply Participant::Decide(const System& system, int saga, const CommandToSend& command,
                          bool willing) {
  const Step* step = FindStep(system.table, command.step);
  ABSL_RAW_CHECK(step != nullptr, "a participant was sent a step that the step table lacks");
  const std::string& action = ActionOf(*step, command.name).name;
  if (command.name != action) {
    return GiveBack(effects_[{saga, action}], step->kind, system.participants.leaves_tombstones);
  }
  Effect& effect = effects_[{saga, action}];
  if (step->kind == StepKind::kRetriable) return Settle(system.table, saga, effect);
  return Take(effect, willing);
}

Reply Participant::Take(Effect& effect, bool willing) {
  if (effect.undone) return Refused("CANCELLED");
  if (!willing) return Refused("UNWILLING");
  if (free_ == 0) return Refused("NONE_LEFT");
  --free_;
  ++effect.held;
  return Approved();
}

Reply Participant::GiveBack(Effect& effect, StepKind kind, bool leaves_tombstones) {
  const bool accepted = kind == StepKind::kPivot && effect.held > 0;
  if (accepted || effect.settled > 0) return Refused("TOO_LATE");
  if (effect.held == 0 && !leaves_tombstones) return Approved();
  free_ += effect.held;
  effect.held = 0;
  effect.undone = true;
  return Approved();
}

Reply Participant::Settle(const StepTable& table, int saga, Effect& effect) {
  for (const Step& step : table.steps) {
    if (step.kind != StepKind::kCompensatable) continue;
    for (const Command& command : step.commands) {
      if (command.topic != topic_) continue;
      Effect& taken = effects_[{saga, command.name}];
      if (taken.held + taken.settled == 0) return Refused("NOTHING_HELD");
      taken.settled += std::exchange(taken.held, 0);
    }
  }
  ++effect.done;
  return Approved();
}

Effect Participant::EffectOf(int saga, const std::string& action) const {
  const auto found = effects_.find({saga, action});
  return found == effects_.end() ? Effect() : found->second;
}

std::string Participant::Fingerprint() const {
  std::string bytes = absl::StrCat(topic_, free_);
  for (const auto& [key, effect] : effects_) {
    absl::StrAppend(&bytes, ";", key.first, key.second, effect.held, ",", effect.settled, ",",
                    effect.done, effect.undone ? "u" : "");
  }
  for (const auto& [id, reply] : replies_) {
    absl::StrAppend(&bytes, ";", id, reply.approved ? "+" : "-", reply.outcome);
  }
  return bytes;
}

}  // namespace saga::simulation
