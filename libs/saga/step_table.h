#ifndef ORDER_SAGA_LIBS_SAGA_STEP_TABLE_H_
#define ORDER_SAGA_LIBS_SAGA_STEP_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// A saga as data: its steps in order, each with the commands it sends. A literal table is the whole
// saga on one screen:
//
//   {.type = "ORDER_CREATION", .version = 1, .steps = {
//     {.name = "product-stock",  .kind = kCompensatable,
//      .commands = {{.name = "ReserveStock", .topic = kToProduct, .undo = "ReleaseStock"}}},
//     {.name = "kitchen-status", .kind = kPivot,
//      .commands = {{.name = "CreateTicket", .topic = kToKitchen, .cancel = "CancelTicket"}}},
//     {.name = "settle",         .kind = kRetriable,
//      .commands = {{.name = "ConfirmStock", .topic = kToProduct},
//                   {.name = "CaptureCredit", .topic = kToCustomer}}}}}
namespace saga {

// What may become of a step. A table reads compensatable… pivot? retriable….
enum class StepKind {
  kCompensatable,  // may be refused; what it did can be undone
  kPivot,          // may be refused; once it is accepted the saga only goes forward
  kRetriable,      // may be late, but not refused: a refusal parks the saga for an operator
};

// One command of a step. Its undo or cancel travels on the same topic, so that within one
// partition it comes after what it takes back.
struct Command {
  std::string name;    // ReserveStock; in one table each name, undos and cancels too, stands once
  std::string topic;   // order-to-product-product-stock
  std::string undo;    // compensatable steps: takes back what the command did; never refused
  std::string cancel;  // pivots: takes back a command that is not answered yet; may be too late

  bool operator==(const Command&) const = default;
};

// How often a command is sent before its saga is parked. Data only: nothing sends again yet.
struct RetryPolicy {
  int attempts = 1;                                     // 1 or more, the first one included
  absl::Duration first_delay = absl::ZeroDuration();    // before the second; doubles each time
  absl::Duration max_delay = absl::InfiniteDuration();  // where the doubling stops

  bool operator==(const RetryPolicy&) const = default;
};

struct Step {
  std::string name;  // product-stock; stored in saga rows and messages, so it never changes
  StepKind kind = StepKind::kCompensatable;
  std::vector<Command> commands;                      // sent together; done when all are answered
  absl::Duration timeout = absl::InfiniteDuration();  // Data only: nothing times out yet.
  RetryPolicy retry;

  bool operator==(const Step&) const = default;
};

struct StepTable {
  std::string type;  // ORDER_CREATION; the envelope's `target`
  int version = 0;   // 1 or more; stored in the saga's row, so that it ends as it began
  std::vector<Step> steps;

  bool operator==(const StepTable&) const = default;
};

// Checked at start-up. INVALID_ARGUMENT lists everything that is wrong with the table: more than
// one pivot, steps out of the order of kinds above, a compensatable command without undo, a pivot
// that can time out without cancel, empty steps, names that are malformed or stand twice.
absl::Status Validate(const StepTable& table);

// The step of that name; nullptr if the table has none.
const Step* FindStep(const StepTable& table, absl::string_view name);

// "compensatable", "pivot", "retriable".
absl::string_view Name(StepKind kind);

}  // namespace saga

#endif  // ORDER_SAGA_LIBS_SAGA_STEP_TABLE_H_
