#include <gtest/gtest.h>

#include "libs/saga/testing/given.h"
#include "libs/saga/testing/journey_table.h"

// Steps with several commands, other than the last.
namespace saga {
namespace {

TEST(ParallelTest, TheTableIsValid) { EXPECT_TRUE(Validate(JourneyTable()).ok()); }

TEST(ParallelTest, StepIsDoneWhenAllAreApproved) {
  Given(JourneyTable())
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
  Given(JourneyTable())
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
  Given(JourneyTable())
      .At("book")
      .When(Refused("BookTrain", "STRIKE"))
      .Then(WaitsForMore())
      .When(Refused("BookRoom", "FULL"))
      .Then(Sends("Return"))
      .When(Approved("Return"))
      .Then(Compensated("STRIKE"));
}

TEST(ParallelTest, StepIsUndoneInParallelAndThenTheOneBeforeIt) {
  Given(JourneyTable())
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
