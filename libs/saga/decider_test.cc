#include "libs/saga/decider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/saga/command_id.h"
#include "libs/saga/testing/given.h"
#include "libs/saga/testing/order_table.h"

namespace saga {
namespace {

using testing::HasSubstr;

TEST(DeciderTest, GoesAllTheWay) {
  Given(OrderTable())
      .Then(Sends("ReserveStock"))
      .When(Approved("ReserveStock"))
      .Then(Sends("ValidateCustomer"))
      .When(Approved("ValidateCustomer"))
      .Then(Sends("CreateTicket"))
      .When(Approved("CreateTicket"))
      .Then(PivotPassed(), Sends("ConfirmStock", "CaptureCredit"))
      .When(Approved("CaptureCredit"))
      .Then(WaitsForMore())
      .When(Approved("ConfirmStock"))
      .Then(Completed());
}

TEST(DeciderTest, RefusedFirstStepHasNothingToUndo) {
  Given(OrderTable())
      .When(Refused("ReserveStock", "OUT_OF_STOCK"))
      .Then(Compensated("OUT_OF_STOCK"));
}

TEST(DeciderTest, RefusedStepIsNotUndoneItself) {
  Given(OrderTable())
      .At("customer-validation")
      .When(Refused("ValidateCustomer", "CREDIT_LIMIT_EXCEEDED"))
      .Then(Sends("ReleaseStock"))
      .When(Approved("ReleaseStock"))
      .Then(Compensated("CREDIT_LIMIT_EXCEEDED"));
}

TEST(DeciderTest, RefusedPivotUndoesAllBeforeItInReverse) {
  Given(OrderTable())
      .At("kitchen-status")
      .When(Refused("CreateTicket", "KITCHEN_REJECTED"))
      .Then(Sends("ReleaseCredit"))
      .When(Approved("ReleaseCredit"))
      .Then(Sends("ReleaseStock"))
      .When(Approved("ReleaseStock"))
      .Then(Compensated("KITCHEN_REJECTED"));
}

TEST(DeciderTest, DuplicateReplyChangesNothing) {
  Given(OrderTable())
      .When(Approved("ReserveStock"))
      .Then(Sends("ValidateCustomer"))
      .When(Approved("ReserveStock"))
      .Then(ChangesNothing())
      .When(Refused("ReserveStock", "OUT_OF_STOCK"))
      .Then(ChangesNothing());
}

TEST(DeciderTest, DuplicateReplyOfOneParallelCommandDoesNotStandForTheOther) {
  Given(OrderTable())
      .At("settle")
      .When(Approved("ConfirmStock"))
      .Then(WaitsForMore())
      .When(Approved("ConfirmStock"))
      .Then(ChangesNothing());
}

TEST(DeciderTest, LateSuccessOfAnActionIsNoAnswerToItsUndo) {
  Given(OrderTable())
      .At("customer-validation")
      .When(Refused("ValidateCustomer", "CUSTOMER_BLOCKED"))
      .Then(Sends("ReleaseStock"))
      .When(Approved("ReserveStock"))
      .Then(ChangesNothing());
}

TEST(DeciderTest, EndedSagaStaysAsItEnded) {
  Given(OrderTable())
      .At("customer-validation")
      .When(Refused("ValidateCustomer", "CUSTOMER_NOT_FOUND"))
      .When(Approved("ReleaseStock"))
      .Then(Compensated("CUSTOMER_NOT_FOUND"))
      .When(Approved("ReleaseStock"))
      .Then(ChangesNothing())
      .When(Approved("ReserveStock"))
      .Then(ChangesNothing());
}

TEST(DeciderTest, ReplyIsMatchedOnStepAndCommandId) {
  Given given(OrderTable());
  Reply other_step = given.ReplyOf(Approved("ReserveStock"));
  other_step.step = "customer-validation";
  Reply other_saga = given.ReplyOf(Approved("ReserveStock"));
  other_saga.command_id = CommandId("00000000-0000-7000-8000-000000000000", "product-stock",
                                    "ReserveStock", Direction::kAction);
  given.When(other_step).Then(ChangesNothing());
  given.When(other_saga).Then(ChangesNothing());
}

TEST(DeciderTest, RefusedUndoParksTheSagaWhereItStands) {
  Given given(OrderTable());
  given.At("kitchen-status")
      .When(Refused("CreateTicket", "KITCHEN_REJECTED"))
      .When(Refused("ReleaseCredit", "CUSTOMER_GONE"))
      .Then(Parked("CUSTOMER_GONE"));
  EXPECT_EQ(given.saga().state, State::kCompensating);
  EXPECT_EQ(given.saga().step, "customer-validation");
  EXPECT_EQ(given.saga().refusal->outcome, "KITCHEN_REJECTED");
  EXPECT_EQ(given.saga().parked->command, "ReleaseCredit");
}

TEST(DeciderTest, RefusedRetriableCommandParksTheSagaAndItsSiblingGoesOn) {
  Given given(OrderTable());
  given.At("settle")
      .When(Refused("ConfirmStock", "NOT_RESERVED"))
      .Then(Parked("NOT_RESERVED"))
      .When(Approved("CaptureCredit"))
      .Then(WaitsForMore())
      .When(Refused("ConfirmStock", "NOT_RESERVED"))
      .Then(ChangesNothing());
  EXPECT_EQ(given.saga().state, State::kRunning);
  EXPECT_EQ(given.saga().parked->message, "because NOT_RESERVED");
  ASSERT_EQ(given.saga().commands.size(), 2u);
  EXPECT_EQ(given.saga().commands[0].answer, Answer::kRefused);
  EXPECT_EQ(given.saga().commands[1].answer, Answer::kApproved);
}

TEST(DeciderTest, ParksOnceWithTheFirstReason) {
  Given(OrderTable())
      .At("settle")
      .When(Refused("CaptureCredit", "NOT_HELD"))
      .Then(Parked("NOT_HELD"))
      .When(Refused("ConfirmStock", "NOT_RESERVED"))
      .Then(WaitsForMore(), Expected{.outcome = "NOT_HELD"});
}

TEST(DeciderTest, CommandSaysWhereItGoesAndWhatItIs) {
  const std::string tx_id = "0190b5a8-7c3e-7d4f-8a1b-2c3d4e5f6071";
  const Decision started = Start(OrderTable(), tx_id);
  const CommandToSend expected = {
      .step = "product-stock",
      .name = "ReserveStock",
      .topic = "order-to-product-product-stock",
      .direction = Direction::kAction,
      .command_id = CommandId(tx_id, "product-stock", "ReserveStock", Direction::kAction),
      .attempt = 1};
  EXPECT_THAT(started.send, testing::ElementsAre(expected));
  EXPECT_EQ(started.saga.type, "ORDER_CREATION");
  EXPECT_EQ(started.saga.table_version, 1);
  EXPECT_EQ(started.saga.version, 1);
}

class MisfitTest : public testing::Test {
 protected:
  absl::Status Decide() { return OnReply(table, given.saga(), reply).status(); }

  Given given{OrderTable()};
  Reply reply = given.ReplyOf(Approved("ReserveStock"));
  StepTable table = OrderTable();
};

TEST_F(MisfitTest, OtherVersion) {
  table.version = 2;
  EXPECT_EQ(Decide().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Decide().message(), HasSubstr("run a program that has the saga's own version"));
}

TEST_F(MisfitTest, StepGone) {
  table.steps[0].name = "stock";
  EXPECT_EQ(Decide().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Decide().message(), HasSubstr("step 'product-stock'"));
}

TEST_F(MisfitTest, CommandGone) {
  table.steps[0].commands[0].name = "TakeStock";
  EXPECT_EQ(Decide().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(MisfitTest, StaleReplyNeedsNoTable) {
  table.version = 2;
  reply.command_id = "";
  EXPECT_TRUE(Decide().ok());
}

}  // namespace
}  // namespace saga
