#ifndef ORDER_SAGA_LIBS_SAGA_SAGA_STATE_H_
#define ORDER_SAGA_LIBS_SAGA_SAGA_STATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

// The content of a saga's row: plain data that whoever keeps sagas can put into columns and one
// small list. Only the functions of decider.h change it.
namespace saga {

// Stored, and the numbers of saga.v1.Saga.State: never change them.
enum class State {
  kRunning = 1,       // commands of the current step are out
  kCompensating = 2,  // steps that were done are being undone, in reverse
  kCompleted = 3,     // ended: every step is done
  kCompensated = 4,   // ended: everything that was done is undone
};

// Stored: never change the numbers.
enum class Direction {
  kAction = 1,        // do it: APPROVED on the envelope of the command
  kCompensation = 2,  // undo or cancel it: REJECTED on the envelope of the command
};

// Stored: never change the numbers.
enum class Answer {
  kNone = 0,  // still waited for
  kApproved = 1,
  kRefused = 2,
};

// One command of the current step, sent and perhaps answered.
struct SentCommand {
  std::string name;  // what was sent: ReserveStock, or ReleaseStock when compensating
  Direction direction = Direction::kAction;
  std::string command_id;  // command_id.h
  int attempt = 1;         // 1 or more
  Answer answer = Answer::kNone;

  bool operator==(const SentCommand&) const = default;
};

// Who said no, and why.
struct Refusal {
  std::string step;
  std::string command;
  std::string outcome;  // for programs: OUT_OF_STOCK
  std::string message;  // for people

  bool operator==(const Refusal&) const = default;
};

struct Saga {
  std::string tx_id;      // the saga's id: a UUID as text
  std::string type;       // of the step table
  int table_version = 0;  // of the step table
  State state = State::kRunning;
  std::string step;                   // the current step's name; empty when ended
  std::vector<SentCommand> commands;  // the current step's; empty when ended
  std::optional<Refusal> refusal;     // why it is being or was compensated
  std::optional<Refusal> parked;      // the first answer that an operator must decide about
  int64_t version = 0;                // 1 when started, one more with each change

  bool operator==(const Saga&) const = default;
};

inline bool Ended(const Saga& saga) {
  return saga.state == State::kCompleted || saga.state == State::kCompensated;
}

// "RUNNING", "action", "approved": as logs, traces and APIs say it.
absl::string_view Name(State state);
absl::string_view Name(Direction direction);
absl::string_view Name(Answer answer);

}  // namespace saga

#endif  // ORDER_SAGA_LIBS_SAGA_SAGA_STATE_H_
