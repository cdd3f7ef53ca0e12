// How the inbox forgets (migrations/0002_rotation.sql).
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "libs/inbox/migrations.h"
#include "libs/outbox/migrations.h"
#include "libs/testing/test_database.h"

namespace inbox {
namespace {

class RotationTest : public ::testing::Test {
 protected:
  RotationTest() {
    for (int days : {-50, -49, -31}) {
      Run(absl::StrCat("SELECT partitions_make('inbox', (now() AT TIME ZONE 'UTC')::date + ", days,
                       ")"));
      Run(absl::StrCat("INSERT INTO inbox SELECT uuid_v7_floor(now() + interval '", days,
                       " days')"));
    }
  }

  void Run(const std::string& sql) {
    const absl::Status done = database_.Connect().ExecuteScript(sql);
    ASSERT_TRUE(done.ok()) << done << "\n" << sql;
  }
  std::string AsService(const std::string& sql) {
    auto row = service_.Execute(sql);
    return row.ok() ? std::string(row->TextOrEmpty(0, 0)) : std::string(row.status().message());
  }
  std::string LeafAt(int days) {
    return database_.Ask(absl::StrCat("SELECT to_char((now() AT TIME ZONE 'UTC')::date + ", days,
                                      ", '\"inbox_\"YYYYMMDD')"));
  }
  // The day of the oldest id that counts as remembered, from now.
  int64_t Oldest() {
    return database_.Count(
        "SELECT min(d) FROM generate_series(-60, 0) d WHERE partitions_oldest('inbox') <= "
        "uuid_v7_floor(((now() AT TIME ZONE 'UTC')::date + d)::timestamp AT TIME ZONE 'UTC')");
  }
  void LetTwoHoursPass() {
    Run("UPDATE partition_floors SET raised_at = raised_at - interval '2 hours'");
  }

  testsupport::TestDatabase database_{{&postgres::PartitionMigrations(),
                                       &postgres::OutboxMigrations(),
                                       &postgres::InboxMigrations()}};
  postgres::Connection service_ = *postgres::Connection::Open(database_.service(), "test");
};

TEST_F(RotationTest, TheFloorRisesFirstAndTheRowsGoWhenEverybodyKnowsIt) {
  EXPECT_EQ(Oldest(), -50);
  EXPECT_EQ(AsService("SELECT inbox_empty(45)"), "");
  EXPECT_EQ(Oldest(), -45);
  EXPECT_EQ(AsService("SELECT inbox_empty(45)"), "") << "a door may still have the old floor";
  EXPECT_EQ(AsService("SELECT inbox_drop()"), "");
  EXPECT_EQ(database_.Count("SELECT count(*) FROM inbox"), 3);
  LetTwoHoursPass();
  EXPECT_EQ(AsService("SELECT inbox_empty(45)"), LeafAt(-50));
  EXPECT_EQ(AsService("SELECT inbox_empty(45)"), LeafAt(-49));
  EXPECT_EQ(AsService("SELECT inbox_empty(45)"), "");
  EXPECT_EQ(database_.Count("SELECT count(*) FROM inbox"), 1);
  EXPECT_EQ(AsService("SELECT inbox_drop()"), LeafAt(-50));
  EXPECT_EQ(AsService("SELECT inbox_drop()"), LeafAt(-49));
  EXPECT_EQ(AsService("SELECT inbox_drop()"), "");
  EXPECT_EQ(Oldest(), -31) << "the oldest partition that is left";
}

TEST_F(RotationTest, AWiderWindowDoesNotBringBackWhatIsForgotten) {
  AsService("SELECT inbox_empty(45)");
  LetTwoHoursPass();
  EXPECT_EQ(AsService("SELECT inbox_empty(60)"), "");
  EXPECT_EQ(Oldest(), -45);
  // And a narrower one counts two hours anew.
  EXPECT_EQ(AsService("SELECT inbox_empty(31)"), "");
  EXPECT_EQ(AsService("SELECT inbox_empty(31)"), "");
  EXPECT_EQ(Oldest(), -31);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM inbox"), 3);
}

TEST_F(RotationTest, AWindowShorterThanWhatTopicsKeepIsRefused) {
  for (const char* days : {"30", "0", "-1", "3651", "NULL"}) {
    EXPECT_EQ(service_.Execute(absl::StrCat("SELECT inbox_empty(", days, ")")).status().code(),
              absl::StatusCode::kInvalidArgument)
        << days;
  }
  EXPECT_EQ(Oldest(), -50);
}

TEST_F(RotationTest, TheServiceMayDoNothingElseToIt) {
  for (const char* sql : {"TRUNCATE inbox", "DELETE FROM inbox", "DELETE FROM partition_floors",
                          "UPDATE partition_floors SET floor = 'infinity'",
                          "SELECT partitions_drop_empty('inbox', current_date)"}) {
    EXPECT_EQ(service_.Execute(sql).status().code(), absl::StatusCode::kPermissionDenied) << sql;
  }
}

}  // namespace
}  // namespace inbox
