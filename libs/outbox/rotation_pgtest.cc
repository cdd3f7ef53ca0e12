// The outbox's old partitions (migrations/0005_rotation.sql): emptied only if Kafka has every row.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/outbox/migrations.h"
#include "libs/outbox/slot.h"
#include "libs/postgres/sql_error.h"
#include "libs/testing/test_database.h"

namespace outbox {
namespace {

using ::testing::HasSubstr;

class RotationTest : public ::testing::Test {
 protected:
  RotationTest() {
    EXPECT_TRUE(CreateSlot(relay_).ok());
    Run("CREATE FUNCTION id_at(days int) RETURNS uuid LANGUAGE sql VOLATILE AS $$ "
        "SELECT (left(uuid_v7_floor(now() + make_interval(days => days))::text, 24) "
        "|| left(md5(random()::text), 12))::uuid $$;"
        "GRANT EXECUTE ON FUNCTION id_at TO test_service;"
        "CREATE FUNCTION leaf_at(days int) RETURNS text LANGUAGE sql STABLE AS $$ "
        "SELECT to_char((now() AT TIME ZONE 'UTC')::date + days, '\"outbox_\"YYYYMMDD') $$");
  }

  void Run(const std::string& sql) {
    const absl::Status done = owner_.ExecuteScript(sql);
    ASSERT_TRUE(done.ok()) << done << "\n" << sql;
  }
  void MakeLeaf(int days) {
    Run(absl::StrCat("SELECT partitions_make('outbox', (now() AT TIME ZONE 'UTC')::date + ", days,
                     ")"));
  }
  static std::string InsertAt(int days) {
    return absl::StrCat(
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, topic) "
        "VALUES (id_at(",
        days, "), 'a', 'k', 't', 't')");
  }
  void TakeSample() {
    auto row =
        relay_.Execute("SELECT pg_current_snapshot()::text, pg_current_wal_insert_lsn()::text");
    ASSERT_TRUE(row.ok()) << row.status();
    snapshot_ = row->Text(0, 0);
    lsn_ = row->Text(0, 1);
  }
  // As if the relay had all of it at Kafka.
  void AdvanceSlot() {
    Run(absl::StrCat("CHECKPOINT; SELECT pg_replication_slot_advance('", SlotName(database_.name()),
                     "', pg_current_wal_lsn())"));
  }
  // And until the slot's own horizon is behind every row: it moves on when the server notes which
  // transactions are under way, as each checkpoint does; those of other tests hold it back.
  void Confirm() {
    for (int i = 0; i < 500; ++i) {
      AdvanceSlot();
      if (database_.Count("SELECT count(*) FROM outbox "
                          "WHERE tx >= outbox_confirmed_horizon('1:1:', '0/1')") == 0) {
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    FAIL() << "some transaction on this server does not end";
  }
  struct Emptied {
    std::string emptied, held;
  };
  absl::StatusOr<Emptied> Empty(int days = 3) {
    auto row =
        relay_.Execute("SELECT * FROM outbox_empty($1::int, $2::pg_snapshot, $3::pg_lsn)",
                       postgres::Params().Text(absl::StrCat(days)).Text(snapshot_).Text(lsn_));
    if (!row.ok()) return row.status();
    return Emptied{std::string(row->TextOrEmpty(0, 0)), std::string(row->TextOrEmpty(0, 1))};
  }
  absl::StatusOr<bool> EmptyDefault() {
    auto row = relay_.Execute("SELECT outbox_empty_default(3, $1::pg_snapshot, $2::pg_lsn)",
                              postgres::Params().Text(snapshot_).Text(lsn_));
    if (!row.ok()) return row.status();
    return row->Bool(0, 0);
  }
  std::string LeafAt(int days) { return database_.Ask(absl::StrCat("SELECT leaf_at(", days, ")")); }

  testsupport::TestDatabase database_{
      {&postgres::PartitionMigrations(), &postgres::OutboxMigrations()}};
  postgres::Connection owner_ = database_.Connect();
  postgres::Connection relay_ = *postgres::Connection::Open(database_.relay(), "test");
  std::string snapshot_, lsn_;
};

TEST_F(RotationTest, APublishedDayIsEmptiedWhenItsRetentionIsOverAndDroppedLater) {
  for (int days : {-5, -4, -3}) MakeLeaf(days);
  for (int days : {-5, -4, -3, 0}) Run(InsertAt(days));
  TakeSample();
  Confirm();
  EXPECT_EQ(Empty()->emptied, LeafAt(-5));
  EXPECT_EQ(Empty()->emptied, LeafAt(-4));
  EXPECT_EQ(Empty()->emptied, "") << "it ended only two days ago";
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox"), 2);
  EXPECT_EQ(relay_.Execute("SELECT outbox_drop(3)")->Text(0, 0), LeafAt(-5));
  EXPECT_EQ(relay_.Execute("SELECT outbox_drop(3)")->Text(0, 0), LeafAt(-4));
  EXPECT_TRUE(relay_.Execute("SELECT outbox_drop(3)")->IsNull(0, 0));
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox"), 2);
}

TEST_F(RotationTest, ADayWithAnUnpublishedRowIsHeldAndTheOthersGo) {
  for (int days : {-9, -8}) MakeLeaf(days);
  Run(InsertAt(-9));
  Run(InsertAt(-8));
  TakeSample();
  Confirm();
  Run(InsertAt(-9));
  auto round = Empty();
  EXPECT_EQ(round->emptied, LeafAt(-8));
  EXPECT_EQ(round->held, LeafAt(-9));
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox"), 2);
  EXPECT_TRUE(relay_.Execute("SELECT outbox_drop(3)")->Text(0, 0) == LeafAt(-8));
  // Confirmed, but by a sample that is older than the row: not proven.
  Confirm();
  EXPECT_EQ(Empty()->held, LeafAt(-9));
  TakeSample();
  Confirm();
  EXPECT_EQ(Empty()->emptied, LeafAt(-9));
}

TEST_F(RotationTest, DefaultIsEmptiedOnceAllOfItIsPastItsRetentionAndPublished) {
  const auto old_row = [](const std::string& age) {
    return absl::StrCat(
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, topic, created_at) "
        "VALUES (gen_random_uuid(), 'a', 'k', 't', 't', now() - interval '",
        age, "')");
  };
  const auto rows = [&] { return database_.Count("SELECT count(*) FROM outbox_default"); };
  Run(old_row("9 days"));
  TakeSample();
  EXPECT_THAT(std::string(EmptyDefault().status().message()), HasSubstr("is not confirmed"));
  Confirm();
  ASSERT_TRUE(EmptyDefault().ok());
  EXPECT_EQ(rows(), 0);
  EXPECT_FALSE(*EmptyDefault()) << "nothing was there";
  Run(old_row("9 days"));
  Run(old_row("1 hour"));
  TakeSample();
  Confirm();
  EXPECT_FALSE(*EmptyDefault()) << "a row is too young";
  Run("TRUNCATE outbox_default");
  Run(old_row("9 days"));
  TakeSample();
  Confirm();
  Run(old_row("9 days"));
  EXPECT_FALSE(*EmptyDefault()) << "a row is behind the sample";
  EXPECT_EQ(rows(), 2);
}

TEST_F(RotationTest, ATransactionThatIsOpenWhenTheSampleIsTakenIsNotPublished) {
  MakeLeaf(-9);
  Run(InsertAt(-9));
  auto writer = database_.Connect();
  ASSERT_TRUE(writer.ExecuteScript(absl::StrCat("BEGIN; ", InsertAt(-9))).ok());
  TakeSample();
  AdvanceSlot();
  // The row is not even visible yet. Whether the other one is taken for proven, so that the lock is
  // tried and not granted, depends on what the server has noted by now.
  const auto early = Empty();
  EXPECT_TRUE(early.ok() ? early->emptied.empty() : postgres::ShouldRerun(early.status()))
      << early.status();
  ASSERT_TRUE(writer.ExecuteScript("COMMIT").ok());
  EXPECT_EQ(Empty()->held, LeafAt(-9));
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox"), 2);
}

TEST_F(RotationTest, ACallerIsNotBelievedMoreThanTheSlotShows) {
  MakeLeaf(-9);
  Confirm();
  Run(InsertAt(-9));
  TakeSample();
  const std::string snapshot = snapshot_, lsn = lsn_;
  EXPECT_THAT(Empty().status().message(), HasSubstr("is not confirmed"));
  // A sample that says everything is over, with a position that is confirmed.
  lsn_ = "0/1";
  EXPECT_EQ(Empty()->held, LeafAt(-9));
  snapshot_ = "9000000000:9000000000:";
  EXPECT_EQ(Empty().status().code(), absl::StatusCode::kInvalidArgument);
  snapshot_ = "nonsense";
  EXPECT_EQ(Empty().status().code(), absl::StatusCode::kInvalidArgument);
  snapshot_ = snapshot, lsn_ = lsn;
  for (int days : {0, -1, 3651}) {
    EXPECT_EQ(Empty(days).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox"), 1);
}

TEST_F(RotationTest, WithoutASlotNothingIsEmptied) {
  MakeLeaf(-9);
  Run(InsertAt(-9));
  TakeSample();
  Run(absl::StrCat("SELECT pg_drop_replication_slot('", SlotName(database_.name()), "')"));
  EXPECT_THAT(Empty().status().message(), HasSubstr("is missing or lost"));
}

TEST_F(RotationTest, InAnotherClusterNothingIsEmptiedUntilTheOwnerVouchesForTheRows) {
  MakeLeaf(-9);
  Run(InsertAt(-9));
  TakeSample();
  Confirm();
  Run("UPDATE outbox_cluster SET system_id = 42");  // as after a restore of a dump
  EXPECT_THAT(Empty().status().message(), HasSubstr("another than the one that wrote the rows"));
  EXPECT_EQ(relay_.Execute("SELECT outbox_all_published()").status().code(),
            absl::StatusCode::kPermissionDenied);
  Run("SELECT outbox_all_published()");
  EXPECT_EQ(Empty()->emptied, LeafAt(-9));
}

TEST_F(RotationTest, AnOldSnapshotMayNotSayThatADayHoldsNothingNew) {
  MakeLeaf(-9);
  TakeSample();
  Confirm();
  ASSERT_TRUE(relay_.ExecuteScript("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1").ok());
  Run(InsertAt(-9));
  EXPECT_THAT(Empty().status().message(), HasSubstr("READ COMMITTED"));
}

TEST_F(RotationTest, OnlyTheRelaysRoleMayRotateAndOnlySo) {
  auto service = *postgres::Connection::Open(database_.service(), "test");
  for (const char* sql : {"SELECT outbox_empty(3, '1:1:', '0/1')", "SELECT outbox_drop(3)"}) {
    EXPECT_EQ(service.Execute(sql).status().code(), absl::StatusCode::kPermissionDenied) << sql;
  }
  for (const char* sql :
       {"TRUNCATE outbox_default", "DROP TABLE outbox_default", "DELETE FROM outbox",
        "SELECT partitions_drop_empty('outbox', current_date)",
        "SELECT partitions_make('outbox', current_date)", "SELECT * FROM outbox_cluster"}) {
    EXPECT_EQ(relay_.Execute(sql).status().code(), absl::StatusCode::kPermissionDenied) << sql;
  }
}

// Writers of all ages of ids, while every function runs again and again.
TEST_F(RotationTest, WritersNeitherFailNorWaitLongNorLoseARow) {
  Run("DO $$ DECLARE leaf text; BEGIN FOR leaf IN SELECT l.leaf FROM partitions_leaves('outbox') l "
      "LOOP EXECUTE format('DROP TABLE %I', leaf); END LOOP; END $$");
  for (int days = -40; days < -20; ++days) MakeLeaf(days);
  for (int days = -12; days < -6; ++days) {
    MakeLeaf(days);
    Run(InsertAt(days));
  }
  TakeSample();
  Confirm();
  constexpr int kWriters = 4;
  std::atomic<bool> stop{false};
  std::atomic<int64_t> written{0};
  std::vector<std::string> errors(kWriters);
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      auto service = *postgres::Connection::Open(database_.service(), "test");
      // Far more than the 50 ms, so that a loaded machine makes no failure.
      absl::Status status = service.ExecuteScript("SET lock_timeout = '5s'");
      for (int i = 0; status.ok() && !stop; ++i) {
        status = service.ExecuteScript(absl::StrCat("BEGIN; ", InsertAt((i * 7 + w) % 34), ";",
                                                    InsertAt(i % 2 == 0 ? -15 : 0), "; COMMIT"));
        if (status.ok()) written += 2;
      }
      errors[w] = status.ok() ? "" : status.ToString();
    });
  }
  int made = 0, dropped = 0, emptied = 0;
  // Each until it has done all of its work, at most so often.
  for (int round = 0; round < 3'000 && (made < 33 || dropped < 26 || emptied < 6); ++round) {
    auto create = relay_.Execute(
        absl::StrCat("SELECT partitions_create_ahead('outbox', ", std::min(made, 31), ")"));
    if (create.ok()) made += static_cast<int>(create->Int64(0, 0));
    EXPECT_TRUE(create.ok() || postgres::ShouldRerun(create.status())) << create.status();
    auto empty = Empty();
    if (empty.ok() && !empty->emptied.empty()) ++emptied;
    EXPECT_TRUE(empty.ok() || postgres::ShouldRerun(empty.status())) << empty.status();
    auto drop = relay_.Execute("SELECT outbox_drop(3)");
    if (drop.ok() && !drop->IsNull(0, 0)) ++dropped;
    EXPECT_TRUE(drop.ok() || postgres::ShouldRerun(drop.status())) << drop.status();
  }
  stop = true;
  for (std::thread& writer : writers) writer.join();
  for (const std::string& error : errors) EXPECT_EQ(error, "");
  EXPECT_EQ(made, 33);
  EXPECT_EQ(emptied, 6);
  EXPECT_EQ(dropped, 26);
  EXPECT_GT(written.load(), 0);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox"), written.load());
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox WHERE seq IS NULL"), 0);
}

}  // namespace
}  // namespace outbox
