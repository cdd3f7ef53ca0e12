#include "libs/saga/step_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/saga/testing/order_table.h"

namespace saga {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr size_t kStock = 0;
constexpr size_t kCustomer = 1;
constexpr size_t kKitchen = 2;
constexpr size_t kSettle = 3;

class StepTableTest : public testing::Test {
 protected:
  void ExpectError(const std::string& text) {
    const absl::Status status = Validate(table);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  }

  StepTable table = OrderTable();
};

TEST_F(StepTableTest, OrderTableIsValid) { EXPECT_EQ(Validate(table), absl::OkStatus()); }

TEST_F(StepTableTest, AllErrorsAtOnce) {
  table.type = "order";
  table.version = 0;
  table.steps[kStock].commands[0].undo = "";
  ExpectError("write it like ORDER_CREATION");
  ExpectError("versions begin with 1");
  ExpectError("step 'product-stock': ReserveStock: it needs an undo");
}

TEST_F(StepTableTest, AtMostOnePivot) {
  table.steps[kCustomer].kind = StepKind::kPivot;
  ExpectError("step 'kitchen-status': a second pivot");
}

TEST_F(StepTableTest, NothingCompensatableAfterThePivot) {
  std::swap(table.steps[kCustomer], table.steps[kKitchen]);
  ExpectError("step 'customer-validation': compensatable after the pivot");
}

TEST_F(StepTableTest, NothingThatMayBeRefusedAfterARetriableStep) {
  std::swap(table.steps[kStock], table.steps[kSettle]);
  ExpectError("step 'kitchen-status': the pivot comes after a retriable step");
  ExpectError("step 'product-stock': compensatable after a retriable step");
}

TEST_F(StepTableTest, ParallelCommandsOfACompensatableStepEachNeedTheirUndo) {
  table.steps[kStock].commands.push_back({.name = "ReserveCup", .topic = "to-cups"});
  ExpectError("ReserveCup: it needs an undo");
}

TEST_F(StepTableTest, PivotHasOneCommand) {
  table.steps[kKitchen].commands.push_back({.name = "Sing", .topic = "t", .cancel = "Hush"});
  ExpectError("a pivot has one command");
}

TEST_F(StepTableTest, PivotThatCanTimeOutNeedsACancel) {
  table.steps[kKitchen].commands[0].cancel = "";
  ExpectError("a pivot with a timeout needs a cancel");
  table.steps[kKitchen].timeout = absl::InfiniteDuration();
  EXPECT_EQ(Validate(table), absl::OkStatus());
}

TEST_F(StepTableTest, OnlyItsOwnKindOfTakingBack) {
  table.steps[kSettle].commands[0].undo = "UnconfirmStock";
  table.steps[kStock].commands[0].cancel = "CancelStock";
  ExpectError("ConfirmStock: only a compensatable step has an undo");
  ExpectError("ReserveStock: only a pivot has a cancel");
}

TEST_F(StepTableTest, NamesStandOnce) {
  table.steps[kCustomer].name = "product-stock";
  table.steps[kSettle].commands[0].name = "ReleaseStock";
  ExpectError("another step has its name");
  ExpectError("command 'ReleaseStock' stands twice");
}

TEST_F(StepTableTest, NamesAreWellFormed) {
  table.steps[kStock].name = "product/stock";
  table.steps[kStock].commands[0].topic = "a topic";
  table.steps[kCustomer].commands[0].name = "validate-customer";
  ExpectError("step 'product/stock': write its name like product-stock");
  ExpectError("'a topic' is no name for a topic");
  ExpectError("command 'validate-customer': write it like ReserveStock");
}

TEST_F(StepTableTest, EmptyTableAndEmptyStep) {
  table.steps[kStock].commands.clear();
  ExpectError("step 'product-stock': it has no commands");
  table.steps.clear();
  ExpectError("it has no steps");
  EXPECT_THAT(std::string(Validate(table).message()), Not(HasSubstr("step '")));
}

TEST_F(StepTableTest, TimesAndAttemptsAreInRange) {
  table.steps[kStock].timeout = absl::ZeroDuration();
  table.steps[kStock].retry = {
      .attempts = 0, .first_delay = absl::Seconds(2), .max_delay = absl::Seconds(1)};
  ExpectError("its timeout must be positive");
  ExpectError("retry.attempts must be 1 or more");
  ExpectError("retry.max_delay is below retry.first_delay");
}

TEST_F(StepTableTest, FindsAStepByName) {
  EXPECT_EQ(FindStep(table, "kitchen-status"), &table.steps[kKitchen]);
  EXPECT_EQ(FindStep(table, "kitchen"), nullptr);
}

}  // namespace
}  // namespace saga
