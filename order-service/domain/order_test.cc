#include "order-service/domain/order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace order {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using What = LineFault::What;

TEST(FindFaultsTest, TheSeedsOrderHasNone) {
  EXPECT_THAT(FindFaults({{123, 4}, {124, 5}}), IsEmpty());
}

TEST(FindFaultsTest, NamesEachLine) {
  EXPECT_THAT(FindFaults({}), ElementsAre(LineFault{std::nullopt, What::kNoLines}));
  EXPECT_THAT(FindFaults(std::vector<Line>(kMaxLines + 1, Line{1, 1})),
              ElementsAre(LineFault{std::nullopt, What::kTooManyLines}));
  EXPECT_THAT(FindFaults({{0, 1}, {1, 0}, {2, -1}, {3, kMaxAmount + 1}, {4, INT64_MAX}}),
              ElementsAre(LineFault{0, What::kBadProduct}, LineFault{1, What::kBadAmount},
                          LineFault{2, What::kBadAmount}, LineFault{3, What::kBadAmount},
                          LineFault{4, What::kBadAmount}));
}

TEST(FindFaultsTest, TheSumHasTheSameLimit) {
  EXPECT_THAT(FindFaults({{1, kMaxAmount}, {2, 1}}), IsEmpty());
  EXPECT_THAT(FindFaults({{1, kMaxAmount}, {2, 1}, {1, 1}, {1, 1}}),
              ElementsAre(LineFault{2, What::kSumTooLarge}));
}

TEST(SummedTest, TheSameProductTwiceIsOneLine) {
  EXPECT_THAT(Summed({{124, 5}, {123, 1}, {124, 2}}), ElementsAre(Line{123, 1}, Line{124, 7}));
}

TEST(OrderTest, APendingOrderIsApprovedOnce) {
  State order;
  EXPECT_TRUE(Approve(order, {100, "KRW"}));
  EXPECT_EQ(order, (State{Status::kApproved, "", "", Money{100, "KRW"}, 2}));
  EXPECT_FALSE(Approve(order, {200, "KRW"}));
  EXPECT_FALSE(Reject(order, "LATE", ""));
  EXPECT_EQ(order, (State{Status::kApproved, "", "", Money{100, "KRW"}, 2}));
}

TEST(OrderTest, ARejectedOrderStaysRejected) {
  State order;
  EXPECT_TRUE(Reject(order, "OUT_OF_STOCK", "none left"));
  EXPECT_EQ(order, (State{Status::kRejected, "OUT_OF_STOCK", "none left", std::nullopt, 2}));
  EXPECT_FALSE(Approve(order, {100, "KRW"}));
  EXPECT_EQ(order.version, 2);
}

}  // namespace
}  // namespace order
