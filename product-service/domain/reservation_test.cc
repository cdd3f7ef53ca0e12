// Given a stock, when commands of a saga come in some order, then who holds what.
#include "product-service/domain/reservation.h"

#include <gtest/gtest.h>

#include <limits>

namespace product {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

class ReservationTest : public testing::Test {
 protected:
  void GivenProduct(int64_t id, int64_t available, int64_t price, std::string currency = "EUR") {
    products_[id] = {.product_id = id,
                     .name = "Tomatoes",
                     .unit_price_minor = price,
                     .currency = std::move(currency),
                     .available = available};
  }

  Decision WhenReserved(const std::vector<Line>& lines, std::string_view order_id = "order-1") {
    return Reserve(reservation_, products_, order_id, lines);
  }
  Decision WhenReleased() { return Release(reservation_, products_); }
  Decision WhenConfirmed() { return Confirm(reservation_, products_); }

  void ThenRefused(const Decision& decision, std::string_view outcome) {
    EXPECT_FALSE(decision.approved);
    EXPECT_EQ(decision.outcome, outcome) << decision.message;
    EXPECT_NE(decision.message, "");
    EXPECT_FALSE(decision.bill.has_value());
  }

  void ThenStock(int64_t id, int64_t available, int64_t reserved, int64_t consumed) {
    EXPECT_EQ(products_[id].available, available);
    EXPECT_EQ(products_[id].reserved, reserved);
    EXPECT_EQ(products_[id].consumed, consumed);
  }

  Products products_;
  std::optional<Reservation> reservation_;
};

TEST_F(ReservationTest, TakesTheStockAndBillsIt) {
  GivenProduct(123, 10, 250);
  GivenProduct(124, 5, 99);
  Decision decision = WhenReserved({{123, 2}, {124, 1}});
  ASSERT_TRUE(decision.approved) << decision.message;
  EXPECT_EQ(decision.bill->total_minor, 599);
  EXPECT_EQ(decision.bill->currency, "EUR");
  EXPECT_EQ(decision.bill->lines, (std::vector<ReservedLine>{{123, 2, 250}, {124, 1, 99}}));
  EXPECT_EQ(reservation_->state, ReservationState::kReserved);
  EXPECT_EQ(reservation_->order_id, "order-1");
  ThenStock(123, 8, 2, 0);
  ThenStock(124, 4, 1, 0);
}

TEST_F(ReservationTest, TakesTheLastOne) {
  GivenProduct(123, 1, 250);
  EXPECT_TRUE(WhenReserved({{123, 1}}).approved);
  ThenStock(123, 0, 1, 0);
}

TEST_F(ReservationTest, OutOfStockTakesNothingAtAll) {
  GivenProduct(123, 10, 250);
  GivenProduct(124, 2, 99);
  Decision decision = WhenReserved({{123, 1}, {124, 3}});
  ThenRefused(decision, "OUT_OF_STOCK");
  EXPECT_EQ(decision.message, "product 124 (Tomatoes): 3 wanted, 2 available");
  EXPECT_EQ(reservation_->state, ReservationState::kRefused);
  EXPECT_TRUE(reservation_->lines.empty());
  ThenStock(123, 10, 0, 0);
  ThenStock(124, 2, 0, 0);
}

TEST_F(ReservationTest, UnknownProduct) {
  GivenProduct(123, 10, 250);
  ThenRefused(WhenReserved({{123, 1}, {999, 1}}), "UNKNOWN_PRODUCT");
  ThenStock(123, 10, 0, 0);
}

TEST_F(ReservationTest, TwoCurrenciesAreTwoOrders) {
  GivenProduct(123, 10, 250);
  GivenProduct(124, 10, 250, "KRW");
  ThenRefused(WhenReserved({{123, 1}, {124, 1}}), "CURRENCY_MISMATCH");
  ThenStock(124, 10, 0, 0);
}

TEST_F(ReservationTest, NonsenseIsRefusedAndLeavesNothing) {
  GivenProduct(123, 10, 250);
  ThenRefused(WhenReserved({}), "INVALID_COMMAND");
  ThenRefused(WhenReserved({{123, 0}}), "INVALID_COMMAND");
  ThenRefused(WhenReserved({{123, -1}}), "INVALID_COMMAND");
  ThenRefused(WhenReserved({{123, 1}, {123, 1}}), "INVALID_COMMAND");
  ThenRefused(WhenReserved({{123, 1}}, ""), "INVALID_COMMAND");
  ThenRefused(WhenReserved({{123, 1}}, std::string_view("a\0b", 3)), "INVALID_COMMAND");
  ThenRefused(WhenReserved({{123, 1}}, std::string(101, 'x')), "INVALID_COMMAND");
  ThenRefused(WhenReserved(std::vector<Line>(1001, {123, 1})), "INVALID_COMMAND");
  EXPECT_FALSE(reservation_.has_value());
  ThenStock(123, 10, 0, 0);
}

TEST_F(ReservationTest, ABillThatNoNumberHoldsIsRefused) {
  GivenProduct(123, kMaxUnits, kMaxPriceMinor);
  ThenRefused(WhenReserved({{123, kMaxUnits}}), "INVALID_COMMAND");
  ThenStock(123, kMaxUnits, 0, 0);
}

TEST_F(ReservationTest, TheSumOfABillMayNotOverflowEither) {
  GivenProduct(123, kMaxUnits, 7);
  GivenProduct(124, kMaxUnits, 7);
  ThenRefused(WhenReserved({{123, kMaxUnits}, {124, kMaxUnits}}), "INVALID_COMMAND");
  ThenStock(123, kMaxUnits, 0, 0);
}

TEST_F(ReservationTest, HugeAmountsAreOutOfStock) {
  GivenProduct(123, 10, 250);
  ThenRefused(WhenReserved({{123, kMax}}), "OUT_OF_STOCK");
}

TEST_F(ReservationTest, ReleasedIsAvailableAgain) {
  GivenProduct(123, 10, 250);
  WhenReserved({{123, 4}});
  EXPECT_TRUE(WhenReleased().approved);
  EXPECT_EQ(reservation_->state, ReservationState::kReleased);
  ThenStock(123, 10, 0, 0);
  EXPECT_TRUE(WhenReleased().approved) << "again changes nothing";
  ThenStock(123, 10, 0, 0);
}

TEST_F(ReservationTest, ReleasingWhatWasRefusedChangesNothing) {
  GivenProduct(123, 1, 250);
  WhenReserved({{123, 2}});
  EXPECT_TRUE(WhenReleased().approved);
  EXPECT_EQ(reservation_->state, ReservationState::kRefused);
  ThenStock(123, 1, 0, 0);
}

TEST_F(ReservationTest, AReleaseThatComesFirstForbidsTheReservation) {
  GivenProduct(123, 10, 250);
  EXPECT_TRUE(WhenReleased().approved);
  EXPECT_EQ(reservation_->state, ReservationState::kReleased);
  EXPECT_TRUE(reservation_->lines.empty());
  ThenRefused(WhenReserved({{123, 1}}), "CANCELLED");
  EXPECT_EQ(reservation_->state, ReservationState::kReleased);
  ThenStock(123, 10, 0, 0);
}

TEST_F(ReservationTest, ConfirmedIsGone) {
  GivenProduct(123, 10, 250);
  WhenReserved({{123, 4}});
  EXPECT_TRUE(WhenConfirmed().approved);
  ThenStock(123, 6, 0, 4);
  EXPECT_TRUE(WhenConfirmed().approved) << "again changes nothing";
  ThenRefused(WhenReleased(), "TOO_LATE");
  ThenStock(123, 6, 0, 4);
}

TEST_F(ReservationTest, OnlyWhatIsReservedCanBeConfirmed) {
  GivenProduct(123, 1, 250);
  ThenRefused(WhenConfirmed(), "NOT_RESERVED");
  EXPECT_FALSE(reservation_.has_value());
  WhenReserved({{123, 2}});
  ThenRefused(WhenConfirmed(), "NOT_RESERVED");
  reservation_.reset();
  WhenReleased();
  ThenRefused(WhenConfirmed(), "NOT_RESERVED");
}

TEST_F(ReservationTest, ASagaReservesOnce) {
  GivenProduct(123, 10, 250);
  WhenReserved({{123, 1}});
  ThenRefused(WhenReserved({{123, 1}}), "INVALID_COMMAND");
  ThenStock(123, 9, 1, 0);
}

}  // namespace
}  // namespace product
