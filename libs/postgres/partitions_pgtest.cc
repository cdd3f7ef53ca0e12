// The partitions of tables keyed by UUIDv7 (migrations/).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "libs/postgres/migration.h"
#include "libs/postgres/sql_error.h"
#include "libs/testing/test_database.h"
#include "libs/uuid/uuid.h"

namespace postgres {
namespace {

using ::testing::HasSubstr;

class PartitionsTest : public ::testing::Test {
 protected:
  PartitionsTest() {
    Run("CREATE TABLE outbox (id uuid PRIMARY KEY, n int) PARTITION BY RANGE (id);"
        "CREATE TABLE outbox_default PARTITION OF outbox DEFAULT");
  }

  void Run(const std::string& sql) {
    const absl::Status done = owner_.ExecuteScript(sql);
    ASSERT_TRUE(done.ok()) << done << "\n" << sql;
  }
  // Rows whose ids are of the day `days` from now.
  void InsertAt(int days, int rows) {
    Run(absl::StrCat("INSERT INTO outbox SELECT (left(uuid_v7_floor(now() + interval '", days,
                     " days')::text, 24) || left(md5(random()::text), 12))::uuid, i ",
                     "FROM generate_series(1, ", rows, ") i"));
  }
  int64_t Count(std::string_view sql) const { return database_.Count(sql); }

  testsupport::TestDatabase database_{{&PartitionMigrations()}};
  Connection owner_ = database_.Connect();
};

TEST_F(PartitionsTest, MakesTheMissingDaysOnce) {
  // Yesterday, today and three more.
  EXPECT_EQ(Count("SELECT partitions_create_ahead('outbox', 3)"), 5);
  EXPECT_EQ(Count("SELECT partitions_create_ahead('outbox', 3)"), 0);
  EXPECT_EQ(Count("SELECT partitions_create_ahead('outbox', 4)"), 1);
  EXPECT_EQ(Count("SELECT future_partitions FROM partitions_state('outbox')"), 4);
}

TEST_F(PartitionsTest, TodaysIdGoesToTodaysPartition) {
  Count("SELECT partitions_create_ahead('outbox', 1)");
  ASSERT_TRUE(owner_.Execute("INSERT INTO outbox VALUES ($1, 1)", Params().Id(uuid::NewV7())).ok());
  EXPECT_EQ(Count("SELECT count(*) FROM outbox_default"), 0);
  EXPECT_EQ(Count("SELECT count(*) FROM outbox"), 1);
}

TEST_F(PartitionsTest, RowsThatWaitInDefaultMoveIntoTheirPartition) {
  ASSERT_TRUE(owner_.Execute("INSERT INTO outbox VALUES ($1, 1)", Params().Id(uuid::NewV7())).ok());
  Run("INSERT INTO outbox VALUES (gen_random_uuid(), 2)");
  EXPECT_EQ(Count("SELECT default_rows FROM partitions_state('outbox')"), 2);
  EXPECT_EQ(Count("SELECT partitions_create_ahead('outbox', 1)"), 3);
  EXPECT_EQ(Count("SELECT count(*) FROM outbox"), 2);
  EXPECT_EQ(Count("SELECT count(*) FROM outbox_default"), 1) << "the foreign id stays";
}

TEST_F(PartitionsTest, IdsOfTheFutureAndOfNoTimeDoNotWedgeIt) {
  InsertAt(2, 5);
  InsertAt(400, 5);
  Run("INSERT INTO outbox VALUES ('ffffffff-ffff-ffff-ffff-ffffffffffff', 1)");
  Run("INSERT INTO outbox VALUES ('00000000-0000-0000-0000-000000000000', 1)");
  EXPECT_EQ(Count("SELECT partitions_create_ahead('outbox', 31)"), 33);
  EXPECT_EQ(Count("SELECT count(*) FROM outbox_default"), 7) << "the day after tomorrow's moved";
  EXPECT_EQ(Count("SELECT count(*) FROM outbox"), 12);
}

TEST_F(PartitionsTest, ADayWithTooManyRowsInDefaultIsLeftThereAndTheOthersAreMade) {
  InsertAt(0, 1'001);
  EXPECT_EQ(Count("SELECT partitions_create_ahead('outbox', 2)"), 3);
  EXPECT_EQ(Count("SELECT count(*) FROM outbox_default"), 1'001);
  EXPECT_EQ(Count("SELECT default_rows FROM partitions_state('outbox')"), 1'000)
      << "not counted on";
}

TEST_F(PartitionsTest, WhereDefaultIsLargeNoneAreMade) {
  Run("ALTER TABLE outbox ADD filler text; ALTER TABLE outbox ALTER filler SET STORAGE PLAIN; "
      "INSERT INTO outbox SELECT gen_random_uuid(), i, repeat('x', 7000) "
      "FROM generate_series(1, 9000) i");
  EXPECT_EQ(Count("SELECT partitions_create_ahead('outbox', 2)"), 0) << "writers would wait";
  // Unless ids of the present come: they must not land there for ever.
  InsertAt(0, 51);
  for (const int made : {1, 1, 1, 0}) {
    EXPECT_EQ(Count("SELECT partitions_create_ahead('outbox', 7)"), made) << "one a call";
  }
  EXPECT_EQ(Count("SELECT future_partitions FROM partitions_state('outbox')"), 3);
  Run("DROP TABLE outbox_" + database_.Ask("SELECT to_char((now() AT TIME ZONE 'UTC')::date + 3, "
                                           "'YYYYMMDD')"));
  Run("DELETE FROM outbox WHERE n < 9000 AND filler IS NULL");
  EXPECT_EQ(Count("SELECT partitions_create_ahead('outbox', 7)"), 0) << "they come no more";
  Run("TRUNCATE outbox");
  EXPECT_EQ(Count("SELECT partitions_create_ahead('outbox', 2)"), 2) << "and two are there";
}

TEST_F(PartitionsTest, TheOldestIsYesterdayAtFirst) {
  Count("SELECT partitions_create_ahead('outbox', 1)");
  EXPECT_EQ(Count("SELECT (partitions_oldest('outbox') = uuid_v7_floor("
                  "date_trunc('day', now(), 'UTC') - interval '1 day'))::int"),
            1);
}

TEST_F(PartitionsTest, OnlyEmptyPartitionsFromBeforeTheDayAreDropped) {
  Count("SELECT partitions_create_ahead('outbox', 1)");
  for (const char* age : {"6", "5", "4"}) {
    Count(absl::StrCat("SELECT partitions_make('outbox', current_date - ", age, ")::int"));
  }
  InsertAt(-6, 1);
  const auto drop = "SELECT partitions_drop_empty('outbox', current_date - 4)";
  EXPECT_EQ(database_.Ask(drop),
            database_.Ask("SELECT to_char(current_date - 5, '\"outbox_\"YYYYMMDD')"));
  EXPECT_EQ(database_.Ask(drop), "") << "one has a row, the others are too young";
  EXPECT_EQ(Count("SELECT count(*) FROM partitions_leaves('outbox')"), 5);
}

TEST_F(PartitionsTest, WhoCannotHaveTheLockGivesUpAtOnceAndCanTryAgain) {
  Count("SELECT partitions_create_ahead('outbox', 1)");
  Count("SELECT partitions_make('outbox', current_date - 6)::int");
  Run("BEGIN");
  Run("SELECT count(*) FROM outbox");  // a long reader
  Connection other = database_.Connect();
  const char* drop = "SELECT partitions_drop_empty('outbox', current_date - 4)";
  EXPECT_TRUE(ShouldRerun(other.Execute(drop).status()));
  // Who comes next is not held up by what was given up.
  ASSERT_TRUE(other.ExecuteScript("SET lock_timeout = '10ms'").ok());
  EXPECT_TRUE(other.Execute("INSERT INTO outbox VALUES (gen_random_uuid(), 1)").ok());
  EXPECT_TRUE(ShouldRerun(other.Execute("SELECT partitions_create_ahead('outbox', 2)").status()));
  Run("COMMIT");
  EXPECT_EQ(other.Execute("SELECT partitions_create_ahead('outbox', 2)")->Int64(0, 0), 1);
  EXPECT_NE(database_.Ask(drop), "");
}

TEST_F(PartitionsTest, BadArgumentsAreRefused) {
  for (const char* sql : {"SELECT partitions_create_ahead('pg_class', 1)",
                          "SELECT partitions_create_ahead('outbox; DROP TABLE outbox', 1)",
                          "SELECT partitions_create_ahead(NULL, 1)",
                          "SELECT partitions_create_ahead('inbox', 1)",  // there is none here
                          "SELECT partitions_create_ahead('outbox', 32)",
                          "SELECT partitions_create_ahead('outbox', -1)",
                          "SELECT partitions_create_ahead('outbox', NULL)",
                          "SELECT partitions_drop_empty('outbox_default', current_date)",
                          "SELECT partitions_state('pg_class')"}) {
    EXPECT_EQ(owner_.Execute(sql).status().code(), absl::StatusCode::kInvalidArgument) << sql;
  }
}

TEST_F(PartitionsTest, AnOldSnapshotIsRefused) {
  Run("BEGIN ISOLATION LEVEL REPEATABLE READ");
  EXPECT_THAT(owner_.Execute("SELECT partitions_create_ahead('outbox', 1)").status().message(),
              HasSubstr("READ COMMITTED"));
}

TEST_F(PartitionsTest, NobodyGetsAFunctionUnlessItIsGranted) {
  auto stranger = *Connection::Open(database_.service(), "test");
  for (const char* sql : {"SELECT partitions_create_ahead('outbox', 1)",
                          "SELECT partitions_make('outbox', current_date)",
                          "SELECT partitions_drop_empty('outbox', current_date)",
                          "SELECT partitions_state('outbox')"}) {
    EXPECT_EQ(stranger.Execute(sql).status().code(), absl::StatusCode::kPermissionDenied) << sql;
  }
}

}  // namespace
}  // namespace postgres
