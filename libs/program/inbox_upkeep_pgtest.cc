#include <gtest/gtest.h>

#include <thread>

#include "libs/inbox/migrations.h"
#include "libs/outbox/migrations.h"
#include "libs/program/inbox_upkeep.h"
#include "libs/testing/test_database.h"

namespace program {
namespace {

TEST(InboxUpkeepTest, MakesTheDaysAheadAndForgetsWhatIsOlderThanTheWindow) {
  testsupport::TestDatabase database({&postgres::PartitionMigrations(),
                                      &postgres::OutboxMigrations(), &postgres::InboxMigrations()});
  // An old day, and its end was announced long ago.
  auto owner = database.Connect();
  ASSERT_TRUE(
      owner
          .ExecuteScript("SELECT partitions_make('inbox', current_date - 60);"
                         "INSERT INTO inbox SELECT uuid_v7_floor(now() - interval '60 days');"
                         "INSERT INTO partition_floors VALUES "
                         "('inbox', current_date - 45, now() - interval '3 hours')")
          .ok());
  postgres::Pool pool(database.service(), "test", 2);
  prometheus::Registry metrics;
  std::jthread upkeep(
      [&](std::stop_token stop) { EXPECT_TRUE(KeepInbox(pool, 45, metrics, stop).ok()); });
  // It ends by itself or by the test's time limit.
  while (database.Count("SELECT count(*) FROM inbox") > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(database.Count("SELECT future_partitions FROM partitions_state('inbox')"), 7);
  EXPECT_EQ(database.Count("SELECT future_partitions FROM partitions_state('outbox')"), 7);
}

}  // namespace
}  // namespace program
