#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "libs/postgres/migration.h"
#include "libs/testing/test_database.h"

namespace postgres {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const MigrationSet kTwo{"shop",
                        {{1, "0001_a.sql", "CREATE TABLE a (n int)"},
                         {2, "0002_b.sql", "GRANT SELECT ON a TO ${reader}; CREATE TABLE b ()"}}};
const MigrationSet kOne{"shop", {kTwo.migrations[0]}};
const MigrationVariables kReader{{"reader", "pg_monitor"}};

TEST(MigrationTest, AppliesWhatIsMissingOnce) {
  testsupport::TestDatabase database;
  Connection owner = database.Connect();
  EXPECT_THAT(CheckMigrated(owner, {&kOne}).status().message(),
              HasSubstr("lacks migration shop/0001_a"));
  EXPECT_THAT(*Migrate(owner, {&kOne}, kReader), ElementsAre("shop/0001_a.sql"));
  EXPECT_THAT(*Migrate(owner, {&kTwo}, kReader), ElementsAre("shop/0002_b.sql"));
  EXPECT_THAT(*Migrate(owner, {&kTwo}, kReader), IsEmpty());
  EXPECT_TRUE(CheckMigrated(owner, {&kTwo}).ok());
}

TEST(MigrationTest, ADatabaseAheadIsLeftAlone) {
  testsupport::TestDatabase database;
  Connection owner = database.Connect();
  ASSERT_TRUE(Migrate(owner, {&kTwo}, kReader).ok());
  EXPECT_THAT(*Migrate(owner, {&kOne}, kReader), IsEmpty());
  EXPECT_THAT(*CheckMigrated(owner, {&kOne}), ElementsAre("shop/0002_b.sql"));
  EXPECT_THAT(*CheckMigrated(owner, {&kTwo}), IsEmpty());
}

// A dump, say. Whoever comes behind a migration that waits for its lock waits no longer than a
// turn.
TEST(MigrationTest, ALockIsWaitedForInTurns) {
  testsupport::TestDatabase database;
  Connection owner = database.Connect(), reader = database.Connect();
  const MigrationSet altered{"shop",
                             {kTwo.migrations[0], {2, "0002_c.sql", "ALTER TABLE a ADD m int"}}};
  ASSERT_TRUE(Migrate(owner, {&kOne}, kReader).ok());
  ASSERT_TRUE(reader.ExecuteScript("BEGIN; SELECT FROM a").ok());
  std::thread migrates(
      [&] { EXPECT_THAT(*Migrate(owner, {&altered}, kReader), ElementsAre("shop/0002_c.sql")); });
  const auto waits = [&] {
    return database.Count(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = "
        "'a'::regclass");
  };
  for (const int64_t wanted : {1, 0}) {  // it waits, and gives up
    while (waits() != wanted) std::this_thread::yield();
  }
  EXPECT_TRUE(database.Connect().Execute("SELECT FROM a").ok());
  ASSERT_TRUE(reader.ExecuteScript("COMMIT").ok());
  migrates.join();
}

TEST(MigrationTest, AnEarlierOneThatCameLaterIsAppliedToo) {
  testsupport::TestDatabase database;
  Connection owner = database.Connect();
  const Migration third{3, "0003_c.sql", "CREATE TABLE c ()"};
  const MigrationSet branch{"shop", {kTwo.migrations[0], third}};
  const MigrationSet merged{"shop", {kTwo.migrations[0], kTwo.migrations[1], third}};
  ASSERT_TRUE(Migrate(owner, {&branch}, kReader).ok());
  EXPECT_THAT(CheckMigrated(owner, {&merged}).status().message(),
              HasSubstr("lacks migration shop/0002_b"));
  EXPECT_THAT(*Migrate(owner, {&merged}, kReader), ElementsAre("shop/0002_b.sql"));
  EXPECT_TRUE(CheckMigrated(owner, {&merged}).ok());
}

TEST(MigrationTest, RefusesAChangedText) {
  testsupport::TestDatabase database;
  Connection owner = database.Connect();
  ASSERT_TRUE(Migrate(owner, {&kOne}, kReader).ok());
  const MigrationSet changed{"shop", {{1, "0001_a.sql", "CREATE TABLE a (n bigint)"}}};
  EXPECT_THAT(Migrate(owner, {&changed}, kReader).status().message(), HasSubstr("another text"));
}

TEST(MigrationTest, AFailureLeavesNothingOfItsMigration) {
  testsupport::TestDatabase database;
  Connection owner = database.Connect();
  const MigrationSet broken{"shop", {{1, "0001_a.sql", "CREATE TABLE a (n int); SELECT 1 / 0"}}};
  EXPECT_THAT(Migrate(owner, {&broken}, kReader).status().message(), HasSubstr("0001_a.sql"));
  EXPECT_THAT(*Migrate(owner, {&kOne}, kReader), ElementsAre("shop/0001_a.sql"));
}

TEST(MigrationTest, TwoAtOnceDoItOnce) {
  testsupport::TestDatabase database;
  int applied[2] = {0, 0};
  auto run = [&](int i) {
    Connection owner = database.Connect();
    auto names = Migrate(owner, {&kTwo}, kReader);
    ASSERT_TRUE(names.ok()) << names.status();
    applied[i] = static_cast<int>(names->size());
  };
  std::thread one(run, 0), two(run, 1);
  one.join();
  two.join();
  EXPECT_EQ(applied[0] + applied[1], 2);
}

}  // namespace
}  // namespace postgres
