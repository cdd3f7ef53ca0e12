#include "libs/saga/saga_state.h"

namespace saga {

absl::string_view Name(State state) {
  switch (state) {
    case State::kRunning:
      return "RUNNING";
    case State::kCompensating:
      return "COMPENSATING";
    case State::kCompleted:
      return "COMPLETED";
    case State::kCompensated:
      return "COMPENSATED";
  }
  return "UNKNOWN";
}

absl::string_view Name(Direction direction) {
  return direction == Direction::kAction ? "action" : "compensation";
}

absl::string_view Name(Answer answer) {
  switch (answer) {
    case Answer::kNone:
      return "none";
    case Answer::kApproved:
      return "approved";
    case Answer::kRefused:
      return "refused";
  }
  return "unknown";
}

}  // namespace saga
