// Given a customer's credit, when commands of a saga come in some order, then what is left of it.
#include "customer-service/domain/credit_hold.h"

#include <gtest/gtest.h>

#include <limits>

namespace customer {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

class CreditHoldTest : public testing::Test {
 protected:
  void GivenCustomer(int64_t limit, Status status = Status::kActive) {
    customers_[1234] = {.user_id = 1234,
                        .name = "Ada",
                        .status = status,
                        .currency = "EUR",
                        .credit_limit_minor = limit};
  }

  Decision WhenHeld(int64_t amount, int64_t user_id = 1234, std::string_view currency = "EUR",
                    std::string_view order_id = "order-1") {
    return Hold(
        hold_, customers_,
        {.order_id = order_id, .user_id = user_id, .amount_minor = amount, .currency = currency});
  }
  Decision WhenReleased() { return Release(hold_, customers_); }
  Decision WhenCaptured() { return Capture(hold_, customers_); }
  // What follows is another saga's.
  void AnotherOrder() { hold_.reset(); }

  void ThenRefused(const Decision& decision, std::string_view outcome) {
    EXPECT_FALSE(decision.approved);
    EXPECT_EQ(decision.outcome, outcome) << decision.message;
    EXPECT_NE(decision.message, "");
  }
  void ThenCredit(int64_t held, int64_t charged, int64_t free) {
    EXPECT_EQ(customers_[1234].held_minor, held);
    EXPECT_EQ(customers_[1234].charged_minor, charged);
    EXPECT_EQ(FreeCredit(customers_[1234]), free);
  }

  Customers customers_;
  std::optional<CreditHold> hold_;
};

TEST_F(CreditHoldTest, HoldsUpToTheLimit) {
  GivenCustomer(1000);
  EXPECT_TRUE(WhenHeld(600).approved);
  EXPECT_EQ(hold_->state, HoldState::kHeld);
  ThenCredit(600, 0, 400);
  AnotherOrder();
  EXPECT_TRUE(WhenHeld(400).approved) << "to the last cent";
  ThenCredit(1000, 0, 0);
  AnotherOrder();
  EXPECT_TRUE(WhenHeld(0).approved) << "what costs nothing needs no credit";
  AnotherOrder();
  Decision decision = WhenHeld(1);
  ThenRefused(decision, "CREDIT_LIMIT_EXCEEDED");
  EXPECT_EQ(decision.message, "customer 1234: 1 minor units of EUR wanted, 0 free");
  EXPECT_EQ(hold_->state, HoldState::kRefused);
  ThenCredit(1000, 0, 0);
}

TEST_F(CreditHoldTest, WhatIsChargedIsNotFree) {
  GivenCustomer(1000);
  WhenHeld(600);
  EXPECT_TRUE(WhenCaptured().approved);
  ThenCredit(0, 600, 400);
  AnotherOrder();
  ThenRefused(WhenHeld(401), "CREDIT_LIMIT_EXCEEDED");
}

TEST_F(CreditHoldTest, ALimitLoweredBelowWhatIsHeldStopsNewHoldsOnly) {
  GivenCustomer(1000);
  WhenHeld(600);
  customers_[1234].credit_limit_minor = 100;
  ThenCredit(600, 0, -500);
  const auto first = hold_;
  AnotherOrder();
  Decision decision = WhenHeld(0);
  ThenRefused(decision, "CREDIT_LIMIT_EXCEEDED");
  EXPECT_EQ(decision.message, "customer 1234: 0 minor units of EUR wanted, 0 free");
  hold_ = first;
  EXPECT_TRUE(WhenCaptured().approved);
  ThenCredit(0, 600, -500);
}

TEST_F(CreditHoldTest, RefusalsInTheirOrder) {
  ThenRefused(WhenHeld(1), "CUSTOMER_NOT_FOUND");
  EXPECT_EQ(hold_->state, HoldState::kRefused);
  AnotherOrder();
  ThenRefused(WhenHeld(1, -7), "CUSTOMER_NOT_FOUND");
  AnotherOrder();
  GivenCustomer(1000, Status::kBlocked);
  ThenRefused(WhenHeld(1, 1234, "KRW"), "CUSTOMER_BLOCKED");
  AnotherOrder();
  GivenCustomer(1000);
  ThenRefused(WhenHeld(1, 1234, "KRW"), "CURRENCY_MISMATCH");
  ThenCredit(0, 0, 1000);
}

TEST_F(CreditHoldTest, NonsenseIsRefusedAndLeavesNothing) {
  GivenCustomer(1000);
  ThenRefused(WhenHeld(-1), "INVALID_COMMAND");
  ThenRefused(WhenHeld(std::numeric_limits<int64_t>::min()), "INVALID_COMMAND");
  ThenRefused(WhenHeld(1, 1234, "euro"), "INVALID_COMMAND");
  ThenRefused(WhenHeld(1, 1234, ""), "INVALID_COMMAND");
  ThenRefused(WhenHeld(1, 1234, "EUR", ""), "INVALID_COMMAND");
  ThenRefused(WhenHeld(1, 1234, "EUR", std::string_view("a\0b", 3)), "INVALID_COMMAND");
  EXPECT_FALSE(hold_.has_value());
  ThenCredit(0, 0, 1000);
}

TEST_F(CreditHoldTest, HugeAmountsAreOverTheLimit) {
  GivenCustomer(kMaxLimitMinor);
  ThenRefused(WhenHeld(kMax), "CREDIT_LIMIT_EXCEEDED");
  AnotherOrder();
  EXPECT_TRUE(WhenHeld(kMaxLimitMinor).approved);
  ThenCredit(kMaxLimitMinor, 0, 0);
}

TEST_F(CreditHoldTest, ReleasedIsFreeAgain) {
  GivenCustomer(1000);
  WhenHeld(600);
  EXPECT_TRUE(WhenReleased().approved);
  ThenCredit(0, 0, 1000);
  EXPECT_TRUE(WhenReleased().approved) << "again changes nothing";
  ThenCredit(0, 0, 1000);
  ThenRefused(WhenCaptured(), "NOT_HELD");
}

TEST_F(CreditHoldTest, ReleasingWhatWasRefusedChangesNothing) {
  GivenCustomer(1000);
  WhenHeld(1001);
  EXPECT_TRUE(WhenReleased().approved);
  EXPECT_EQ(hold_->state, HoldState::kRefused);
  ThenRefused(WhenCaptured(), "NOT_HELD");
  ThenCredit(0, 0, 1000);
}

TEST_F(CreditHoldTest, AReleaseThatComesFirstForbidsTheHold) {
  GivenCustomer(1000);
  EXPECT_TRUE(WhenReleased().approved);
  EXPECT_EQ(hold_->state, HoldState::kReleased);
  ThenRefused(WhenHeld(1), "CANCELLED");
  ThenCredit(0, 0, 1000);
}

TEST_F(CreditHoldTest, CapturedIsCharged) {
  GivenCustomer(1000);
  ThenRefused(WhenCaptured(), "NOT_HELD");
  EXPECT_FALSE(hold_.has_value());
  WhenHeld(600);
  WhenCaptured();
  EXPECT_TRUE(WhenCaptured().approved) << "again changes nothing";
  ThenRefused(WhenReleased(), "TOO_LATE");
  ThenCredit(0, 600, 400);
}

TEST_F(CreditHoldTest, ABlockedCustomersHoldsEndNormally) {
  GivenCustomer(1000);
  WhenHeld(600);
  customers_[1234].status = Status::kBlocked;
  EXPECT_TRUE(WhenCaptured().approved);
  ThenCredit(0, 600, 400);
}

TEST_F(CreditHoldTest, ASagaHoldsOnce) {
  GivenCustomer(1000);
  WhenHeld(100);
  ThenRefused(WhenHeld(100), "INVALID_COMMAND");
  ThenCredit(100, 0, 900);
}

}  // namespace
}  // namespace customer
