#include "outbox-relay/upkeep/wal_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relay {
namespace {

using ::testing::HasSubstr;

TEST(WalBudgetTest, IsTheSettingTheServersLimitOrTheDefault) {
  EXPECT_EQ(WalBudget(0).BudgetFor({}), WalBudget::kDefault);
  EXPECT_EQ(WalBudget(0).BudgetFor({.server_limit = 100}), 100);
  EXPECT_EQ(WalBudget(70).BudgetFor({.server_limit = 100}), 70);
  EXPECT_EQ(WalBudget(170).BudgetFor({.server_limit = 100}), 100);
  EXPECT_EQ(WalBudget(170).BudgetFor({}), 170);
}

TEST(WalBudgetTest, TheRatioIsTheWorseOfBothViews) {
  const WalBudget budget(0);
  EXPECT_DOUBLE_EQ(budget.UsedRatio({.retained = 50, .server_limit = 100}), 0.5);
  EXPECT_DOUBLE_EQ(budget.UsedRatio({.retained = 50, .server_limit = 100, .safe_left = 10}),
                   50.0 / 60);
  EXPECT_DOUBLE_EQ(budget.UsedRatio({.retained = 50, .server_limit = 100, .safe_left = 500}), 0.5);
  EXPECT_DOUBLE_EQ(budget.UsedRatio({.retained = 50, .server_limit = 100, .safe_left = -9}), 1);
  EXPECT_DOUBLE_EQ(budget.UsedRatio({.server_limit = 100, .safe_left = 0}), 0);
  EXPECT_DOUBLE_EQ(budget.UsedRatio({.server_limit = 100, .lost = true}), 1);
  EXPECT_DOUBLE_EQ(budget.UsedRatio({.retained = -3, .server_limit = 100}), 0);
}

TEST(WalBudgetTest, EachThresholdIsCrossedOnceUntilItWasLeftBehind) {
  WalBudget budget(0);
  EXPECT_EQ(budget.Cross(0.1), 0);
  EXPECT_EQ(budget.Cross(0.5), 50);
  EXPECT_EQ(budget.Cross(0.7), 0);
  EXPECT_EQ(budget.Cross(0.81), 80);
  EXPECT_EQ(budget.Cross(0.76), 0);
  EXPECT_EQ(budget.Cross(0.81), 0) << "it has only trembled";
  EXPECT_EQ(budget.Cross(0.74), 0);
  EXPECT_EQ(budget.Cross(0.81), 80);
  EXPECT_EQ(budget.Cross(2.0), 95);
  EXPECT_EQ(budget.Cross(0), 0);
  EXPECT_EQ(budget.Cross(0.96), 95) << "the highest of several";
}

TEST(WalBudgetTest, TheAdviceNamesWhatKeepsTheLog) {
  EXPECT_THAT(WalAdvice({.retained = 100, .unconfirmed = 90, .active = true}), HasSubstr("Kafka"));
  EXPECT_THAT(WalAdvice({.retained = 100, .unconfirmed = 1, .active = true}),
              HasSubstr("pg_stat_activity"));
  EXPECT_THAT(WalAdvice({.retained = 100}), HasSubstr("no relay streams"));
  EXPECT_THAT(WalAdvice({.lost = true}), HasSubstr("--heal=table"));
}

}  // namespace
}  // namespace relay
