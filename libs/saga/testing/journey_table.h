#ifndef ORDER_SAGA_LIBS_SAGA_TESTING_JOURNEY_TABLE_H_
#define ORDER_SAGA_LIBS_SAGA_TESTING_JOURNEY_TABLE_H_

#include "libs/saga/step_table.h"

// For tests and simulations only: parallel commands in the middle that can be refused, and no
// pivot.
namespace saga {

inline StepTable JourneyTable() {
  using enum StepKind;
  return {.type = "JOURNEY",
          .version = 1,
          .steps = {
              {.name = "passport",
               .kind = kCompensatable,
               .commands = {{.name = "LendPassport", .topic = "to-office", .undo = "Return"}}},
              {.name = "book",
               .kind = kCompensatable,
               .commands = {{.name = "BookTrain", .topic = "to-rail", .undo = "CancelTrain"},
                            {.name = "BookRoom", .topic = "to-inn", .undo = "CancelRoom"}}},
              {.name = "pack",
               .kind = kCompensatable,
               .commands = {{.name = "Pack", .topic = "to-home", .undo = "Unpack"}}},
          }};
}

}  // namespace saga

#endif  // ORDER_SAGA_LIBS_SAGA_TESTING_JOURNEY_TABLE_H_
