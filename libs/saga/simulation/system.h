#ifndef ORDER_SAGA_LIBS_SAGA_SIMULATION_SYSTEM_H_
#define ORDER_SAGA_LIBS_SAGA_SIMULATION_SYSTEM_H_

#include <functional>

#include "absl/status/statusor.h"
#include "libs/saga/decider.h"
#include "libs/saga/step_table.h"

// What a simulation runs: a step table, the decider, and how participants and doors behave. The
// defaults are what our rules ask for. Tests break one of them at a time, to show that the
// simulation sees it.
namespace saga::simulation {

struct ParticipantHabits {
  // Keeps command id → reply. A repeat gets the same reply, and nothing else happens.
  bool remembers_replies = true;
  // An undo that comes before its action leaves a row, so that the action is then refused.
  bool leaves_tombstones = true;
};

// A door (libs/inbox) between Kafka and a handler.
struct DoorHabits {
  // The Kafka offset after the database: a crash between the two brings the message again.
  bool commits_offset_last = true;
  // Messages leave through the outbox, so a crash before COMMIT sends nothing.
  bool sends_through_outbox = true;
};

struct System {
  using Decide =
      std::function<absl::StatusOr<Decision>(const StepTable&, const Saga&, const Reply&)>;

  StepTable table;
  Decide on_reply = OnReply;
  ParticipantHabits participants;
  DoorHabits doors;
};

}  // namespace saga::simulation

#endif  // ORDER_SAGA_LIBS_SAGA_SIMULATION_SYSTEM_H_
