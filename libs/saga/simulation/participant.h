#ifndef ORDER_SAGA_LIBS_SAGA_SIMULATION_PARTICIPANT_H_
#define ORDER_SAGA_LIBS_SAGA_SIMULATION_PARTICIPANT_H_

#include <map>
#include <string>
#include <utility>

#include "libs/saga/decider.h"
#include "libs/saga/simulation/system.h"
#include "libs/saga/step_table.h"

namespace saga::simulation {

// What one action has done for one saga.
struct Effect {
  int held = 0;         // units taken, and neither given back nor settled
  int settled = 0;      // units gone for good
  int done = 0;         // retriable actions: how often it was carried out
  bool undone = false;  // given back, or never to be taken (a tombstone)

  int total() const { return held + settled + done; }
  bool operator==(const Effect&) const = default;
};

// A model of a service behind one topic: stock, credit, a kitchen. Each action of a compensatable
// step or a pivot takes one unit, its undo or cancel gives it back, and a retriable action settles
// what the same saga holds here. It knows nothing of deciders.
class Participant {
 public:
  Participant(std::string topic, int units)
      : topic_(std::move(topic)), units_(units), free_(units) {}

  // One command in one transaction; the reply goes into the outbox of the same transaction. An
  // unwilling participant refuses what it is allowed to refuse.
  Reply Handle(const System& system, int saga, const CommandToSend& command, bool willing);

  const std::string& topic() const { return topic_; }
  int units() const { return units_; }
  int free() const { return free_; }
  bool HasAnswered(const std::string& command_id) const { return replies_.count(command_id) > 0; }
  Effect EffectOf(int saga, const std::string& action) const;
  // By saga and action.
  const std::map<std::pair<int, std::string>, Effect>& effects() const { return effects_; }
  // All that makes a difference later, as bytes.
  std::string Fingerprint() const;

 private:
  Reply Decide(const System& system, int saga, const CommandToSend& command, bool willing);
  Reply Take(Effect& effect, bool willing);
  Reply GiveBack(Effect& effect, StepKind kind, bool leaves_tombstones);
  Reply Settle(const StepTable& table, int saga, Effect& effect);

  std::string topic_;
  int units_;
  int free_;
  std::map<std::pair<int, std::string>, Effect> effects_;
  std::map<std::string, Reply> replies_;  // by command id
};

// The action of `step` that `command` is, or takes back.
const Command& ActionOf(const Step& step, const std::string& command);

// Does the table have a retriable command for this topic?
bool Settles(const StepTable& table, const std::string& topic);

}  // namespace saga::simulation

#endif  // ORDER_SAGA_LIBS_SAGA_SIMULATION_PARTICIPANT_H_
