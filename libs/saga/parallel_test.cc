#include <gtest/gtest.h>

#include "libs/saga/testing/given.h"

// Steps with several commands, other than the last.
namespace saga {
namespace {

StepTable Journey() {
  using enum StepKind;
  return {
      .type = "JOURNEY",
      .version = 1,
      .steps = {{.name = "passport",
                 .kind = kCompensatable,
                 .commands = {{.name = "LendPassport", .topic = "to-office", .undo = "Return"}}},
                {.name = "book",
                 .kind = kCompensatable,
                 .commands = {{.name = "BookTrain", .topic = "to-rail", .undo = "CancelTrain"},
                              {.name = "BookRoom", .topic = "to-inn", .undo = "CancelRoom"}}},
                {.name = "pack",
                 .kind = kCompensatable,
                 .commands = {{.name = "Pack", .topic = "to-home", .undo = "Unpack"}}}}};
}

TEST(ParallelTest, TheTableIsValid) { EXPECT_TRUE(Validate(Journey()).ok()); }

TEST(ParallelTest, StepIsDoneWhenAllAreApproved) {
  Given(Journey())
      .At("book")
      .Then(Sends("BookTrain", "BookRoom"))
      .When(Approved("BookRoom"))
      .Then(WaitsForMore())
      .When(Approved("BookTrain"))
      .Then(Sends("Pack"))
      .When(Approved("Pack"))
      .Then(Completed());
}

TEST(ParallelTest, RefusalWaitsForTheOthersAndUndoesOnlyWhatWasDone) {
  Given(Journey())
      .At("book")
      .When(Refused("BookRoom", "FULL"))
      .Then(WaitsForMore())
      .When(Approved("BookTrain"))
      .Then(Sends("CancelTrain"))
      .When(Approved("CancelTrain"))
      .Then(Sends("Return"))
      .When(Approved("Return"))
      .Then(Compensated("FULL"));
}

TEST(ParallelTest, TheFirstRefusalIsTheReason) {
  Given(Journey())
      .At("book")
      .When(Refused("BookTrain", "STRIKE"))
      .Then(WaitsForMore())
      .When(Refused("BookRoom", "FULL"))
      .Then(Sends("Return"))
      .When(Approved("Return"))
      .Then(Compensated("STRIKE"));
}

TEST(ParallelTest, StepIsUndoneInParallelAndThenTheOneBeforeIt) {
  Given(Journey())
      .At("pack")
      .When(Refused("Pack", "NO_CASE"))
      .Then(Sends("CancelTrain", "CancelRoom"))
      .When(Approved("CancelRoom"))
      .Then(WaitsForMore())
      .When(Approved("CancelTrain"))
      .Then(Sends("Return"));
}

}  // namespace
}  // namespace saga
