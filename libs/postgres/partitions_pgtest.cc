// The partitions of tables keyed by UUIDv7 (migrations/0001_partitions.sql).
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "libs/postgres/migration.h"
#include "libs/testing/test_database.h"
#include "libs/uuid/uuid.h"

namespace postgres {
namespace {

constexpr char kTable[] =
    "CREATE TABLE events (id uuid PRIMARY KEY, n int) PARTITION BY RANGE (id);"
    "CREATE TABLE events_default PARTITION OF events DEFAULT";

TEST(PartitionsTest, MakesTheMissingDaysOnce) {
  testsupport::TestDatabase database({&PartitionMigrations()});
  Connection owner = database.Connect();
  ASSERT_TRUE(owner.ExecuteScript(kTable).ok());
  // Yesterday, today and three more.
  EXPECT_EQ(database.Count("SELECT partitions_create_ahead('events', 3)"), 5);
  EXPECT_EQ(database.Count("SELECT partitions_create_ahead('events', 3)"), 0);
  EXPECT_EQ(database.Count("SELECT partitions_create_ahead('events', 4)"), 1);
}

TEST(PartitionsTest, TodaysIdGoesToTodaysPartition) {
  testsupport::TestDatabase database({&PartitionMigrations()});
  Connection owner = database.Connect();
  ASSERT_TRUE(owner.ExecuteScript(kTable).ok());
  database.Count("SELECT partitions_create_ahead('events', 1)");
  ASSERT_TRUE(owner.Execute("INSERT INTO events VALUES ($1, 1)", Params().Id(uuid::NewV7())).ok());
  EXPECT_EQ(database.Count("SELECT count(*) FROM events_default"), 0);
  EXPECT_EQ(database.Count("SELECT count(*) FROM events"), 1);
}

TEST(PartitionsTest, RowsThatWaitInDefaultMoveIntoTheirPartition) {
  testsupport::TestDatabase database({&PartitionMigrations()});
  Connection owner = database.Connect();
  ASSERT_TRUE(owner.ExecuteScript(kTable).ok());
  ASSERT_TRUE(owner.Execute("INSERT INTO events VALUES ($1, 1)", Params().Id(uuid::NewV7())).ok());
  ASSERT_TRUE(owner.ExecuteScript("INSERT INTO events VALUES (gen_random_uuid(), 2)").ok());
  EXPECT_EQ(database.Count("SELECT partitions_create_ahead('events', 1)"), 3);
  EXPECT_EQ(database.Count("SELECT count(*) FROM events"), 2);
  EXPECT_EQ(database.Count("SELECT count(*) FROM events_default"), 1) << "the foreign id stays";
}

TEST(PartitionsTest, TheOldestIsYesterdayAtFirst) {
  testsupport::TestDatabase database({&PartitionMigrations()});
  Connection owner = database.Connect();
  ASSERT_TRUE(owner.ExecuteScript(kTable).ok());
  database.Count("SELECT partitions_create_ahead('events', 1)");
  EXPECT_EQ(database.Count("SELECT (partitions_oldest('events') = uuid_v7_floor("
                           "date_trunc('day', now(), 'UTC') - interval '1 day'))::int"),
            1);
}

TEST(PartitionsTest, RefusesOtherTables) {
  testsupport::TestDatabase database({&PartitionMigrations()});
  Connection owner = database.Connect();
  EXPECT_FALSE(owner.Execute("SELECT partitions_create_ahead('pg_class', 1)").ok());
}

}  // namespace
}  // namespace postgres
