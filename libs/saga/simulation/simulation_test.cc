#include <gtest/gtest.h>

#include "libs/saga/simulation/exhaustive.h"
#include "libs/saga/simulation/history.h"
#include "libs/saga/testing/journey_table.h"
#include "libs/saga/testing/order_table.h"

namespace saga::simulation {
namespace {

void ExpectSound(const Report& report) {
  EXPECT_EQ(report.violations, 0u) << report.first_violation;
  EXPECT_GT(report.checks, report.histories / 1000);
}

TEST(SimulationTest, RandomHistoriesOfTheOrderSaga) {
  ExpectSound(RunHistories({.table = OrderTable()}, /*seed=*/1, /*count=*/5000));
}

TEST(SimulationTest, RandomHistoriesOfParallelCompensatableCommands) {
  ExpectSound(RunHistories({.table = JourneyTable()}, /*seed=*/1, /*count=*/5000));
}

TEST(SimulationTest, EveryHistoryOfOneOrder) {
  ExpectSound(RunAll({.table = OrderTable()}, {.comes_again = 3, .overtakes = 2}));
}

TEST(SimulationTest, EveryHistoryOfOneJourney) {
  ExpectSound(RunAll({.table = JourneyTable()}, {.comes_again = 2, .overtakes = 2}));
}

TEST(SimulationTest, EveryHistoryOfTwoOrdersThatCompete) {
  ExpectSound(RunAll({.table = OrderTable()}, {.sagas = 2, .units = 1, .comes_again = 1}));
}

// 6 orders of the four deliveries of settle; and each step refused once.
TEST(SimulationTest, CountsEachHistoryOnce) {
  EXPECT_EQ(RunAll({.table = OrderTable()}, {.comes_again = 0, .overtakes = 0}).histories, 6u + 3u);
}

TEST(SimulationTest, SameSeedSameHistories) {
  const System system{.table = OrderTable()};
  EXPECT_EQ(RunHistories(system, 7, 100).checks, RunHistories(system, 7, 100).checks);
  EXPECT_NE(RunHistories(system, 7, 100).checks, RunHistories(system, 8, 100).checks);
}

}  // namespace
}  // namespace saga::simulation
