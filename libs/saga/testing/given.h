#ifndef ORDER_SAGA_LIBS_SAGA_TESTING_GIVEN_H_
#define ORDER_SAGA_LIBS_SAGA_TESTING_GIVEN_H_

#include <optional>
#include <source_location>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/saga/decider.h"
#include "libs/saga/step_table.h"

// For tests only: given a saga, when a reply comes, then the decider does exactly this.
//
//   Given(OrderTable()).At("customer-validation")
//       .When(Refused("ValidateCustomer", "CREDIT_LIMIT_EXCEEDED"))
//       .Then(Sends("ReleaseStock"))
//       .When(Approved("ReleaseStock"))
//       .Then(Compensated("CREDIT_LIMIT_EXCEEDED"));
namespace saga {

// A participant's answer to the command, undo or cancel of that name.
struct Answered {
  std::string command;
  bool approved;
  std::string outcome;
};
inline Answered Approved(std::string command) { return {std::move(command), true, ""}; }
inline Answered Refused(std::string command, std::string outcome) {
  return {std::move(command), false, std::move(outcome)};
}

// All that a decision does. What is not named here must not happen.
struct Expected {
  std::vector<std::string> sends;
  std::vector<Event> events;
  std::optional<std::string> outcome;  // of the refusal, or of what parked the saga
  bool stale = false;
};
template <typename... Names>
Expected Sends(Names... commands) {
  return {.sends = {commands...}};
}
inline Expected PivotPassed() { return {.events = {Event::kPivotPassed}}; }
inline Expected Completed() { return {.events = {Event::kCompleted}}; }
inline Expected Compensated(std::string outcome) {
  return {.events = {Event::kCompensated}, .outcome = std::move(outcome)};
}
inline Expected Parked(std::string outcome) {
  return {.events = {Event::kParked}, .outcome = std::move(outcome)};
}
inline Expected WaitsForMore() { return {}; }
inline Expected ChangesNothing() { return {.stale = true}; }

// A saga, driven by replies. Failures name the caller's line and the way there.
class Given {
 public:
  using Where = std::source_location;

  // The saga is started.
  explicit Given(StepTable table);

  // Every command is approved until the saga stands at `step`.
  Given& At(absl::string_view step, Where where = Where::current());
  // Each compensation is approved, too, until it stands at `step` again.
  Given& BackAt(absl::string_view step, Where where = Where::current());

  Given& When(const Answered& answered, Where where = Where::current());
  Given& When(const Reply& reply, Where where = Where::current());

  Given& Then(const Expected& expected, Where where = Where::current());
  Given& Then(const Expected& first, const Expected& second, Where where = Where::current());

  const Saga& saga() const { return decision_.saga; }
  // The answer as a message.
  Reply ReplyOf(const Answered& answered, Where where = Where::current()) const;

 private:
  void DriveTo(State state, absl::string_view step, Where where);
  void Fail(const std::string& what, Where where) const;

  StepTable table_;
  Decision decision_;  // the last one
  std::string way_;    // what happened so far
};

}  // namespace saga

#endif  // ORDER_SAGA_LIBS_SAGA_TESTING_GIVEN_H_
