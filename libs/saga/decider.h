#ifndef ORDER_SAGA_LIBS_SAGA_DECIDER_H_
#define ORDER_SAGA_LIBS_SAGA_DECIDER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/saga/saga_state.h"
#include "libs/saga/step_table.h"

// The decider: (step table, saga, what happened) → (new saga, commands to send). Pure functions:
// the caller locks the saga's row, and stores the new row and the commands in one transaction.
namespace saga {

// A participant's final answer. The caller has found the saga by the reply's tx_id.
struct Reply {
  std::string step;
  std::string command_id;
  bool approved = false;
  std::string outcome;  // OUT_OF_STOCK; empty for a plain success
  std::string message;
};

struct CommandToSend {
  std::string step;
  std::string name;  // ReserveStock, or ReleaseStock when compensating
  std::string topic;
  Direction direction = Direction::kAction;
  std::string command_id;
  int attempt = 1;

  bool operator==(const CommandToSend&) const = default;
};

// What the saga's owner may want to react to, in the same transaction. Each happens once a saga.
enum class Event {
  kPivotPassed,  // the pivot was accepted: from here only forward (the order is APPROVED)
  kCompleted,    // ended: every step is done
  kCompensated,  // ended: all is undone; `saga.refusal` says why (the order is REJECTED)
  kParked,       // an operator must decide; `saga.parked` says about what
};

struct Decision {
  Saga saga;                        // as it is now
  std::vector<CommandToSend> send;  // in the table's order; they may run in parallel
  std::vector<Event> events;        // in the order in which they happened
  // The reply answered nothing that is waited for: a duplicate, late, or not this saga's. `saga` is
  // unchanged, `send` and `events` are empty.
  bool stale = false;
};

// Begins a saga: sends the first step's commands. `table` is validated and `tx_id` a UUID;
// everything else is a programming error and aborts.
Decision Start(const StepTable& table, absl::string_view tx_id);

// What a reply leads to.
//
// - It is matched on step and command id, and each command is answered once; the rest is stale.
// - A step is done when all its commands are approved; then the next step's are sent.
// - A refusal waits for the answers of the step's other commands. Then what the step did, if it did
//   anything, and all steps before it are undone, last first, one step at a time. The refused
//   command itself did nothing and is not undone.
// - A refused undo, or a refused command of a retriable step, parks the saga: it stays where it is,
//   with the reason in `parked`, and waits for an operator. Other commands of that step go on.
//
// Late success after compensation: an undo is sent only when no command of a later step, and none
// of its own, is waited for. So a success that comes during or after compensation repeats an answer
// that was counted and is undone already, and is stale. Timeouts will send an undo while the answer
// is unknown; the participant's tombstone then makes a late success impossible to miss.
//
// FAILED_PRECONDITION: the saga is of another type or version than `table`, or stands at a step or
// command that `table` lacks; the message says the fix. The reply is then not lost: decide it again
// with the right table.
absl::StatusOr<Decision> OnReply(const StepTable& table, const Saga& saga, const Reply& reply);

}  // namespace saga

#endif  // ORDER_SAGA_LIBS_SAGA_DECIDER_H_
