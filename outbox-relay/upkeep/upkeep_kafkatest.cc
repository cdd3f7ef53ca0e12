// The relay keeps its source's outbox: partitions ahead, and old ones only as long as they are
// needed.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "outbox-relay/testing/relay_fixture.h"

namespace relay {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class UpkeepTest : public RelayFixture {
 protected:
  UpkeepTest() {
    MakeSlot();
    MakeTopic(topic_);
    for (int days : {-9, -8}) {
      Execute(absl::StrCat("SELECT partitions_make('outbox', current_date + ", days, ")"));
    }
  }

  // One transaction of `count` events whose ids are of the day `days` from now.
  void InsertAt(int days, int count, const std::string& topic) {
    Execute(absl::StrCat(
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) SELECT "
        "(left(uuid_v7_floor(now() + make_interval(days => ",
        days,
        "))::text, 24) || left(md5(random()::text), 12))::uuid, 'Test', 'key-' || i % 5, "
        "'test.v1.Made', 'x', '",
        topic, "' FROM generate_series(1, ", count, ") i"));
  }
  int64_t Rows() const { return database_.Count("SELECT count(*) FROM outbox"); }
  int64_t OldPartitions() const {
    return database_.Count(
        "SELECT count(*) FROM partitions_leaves('outbox') WHERE day < current_date - 4");
  }
  void EventuallyLogs(const RelayProcess& relay, const std::string& text) {
    Eventually("the log says " + text, [&] { return relay.log().find(text) != std::string::npos; });
  }
  // A checkpoint notes which transactions are under way: the slot's own horizon moves on.
  void EventuallyAfterCheckpoints(const std::string& what, const std::function<bool()>& holds) {
    Eventually(what, [&] {
      if (holds()) return true;
      Execute("CHECKPOINT");
      return false;
    });
  }
};

TEST_F(UpkeepTest, OnlyWhatKafkaHasIsEmptiedAndWhatFollowsIsRead) {
  InsertAt(-9, 10, topic_);
  const std::string missing = topic_ + "-missing";
  InsertAt(-8, 1, missing);
  InsertAt(0, 10, topic_);
  auto relay = StartRelay({"--outbox_retention_days=3"});
  EventuallyLogs(*relay, "an event waits for its topic");
  Read(10);
  // The sample of this round lies behind the event that waits.
  Execute("CHECKPOINT");
  EXPECT_THAT(relay->log(), Not(HasSubstr("outbox partition emptied")));
  EXPECT_EQ(Rows(), 21);
  MakeTopic(missing);
  EventuallyAfterCheckpoints("both old days are empty", [&] { return Rows() == 10; });
  EXPECT_EQ(Read(missing, 1).size(), 1u);
  EXPECT_EQ(Read(20).size(), 20u);
  EXPECT_EQ(OldPartitions(), 2) << "they go in a later round";
  EXPECT_EQ(relay->Stop(), 0);
  relay = StartRelay({"--outbox_retention_days=3"});
  EventuallyAfterCheckpoints("the old partitions are gone", [&] { return OldPartitions() == 0; });
  Eventually("it says when it was done", [&] {
    return relay->Metric("outbox_last_rotation_timestamp_seconds{source=\"test\"}") > 0;
  });
  InsertAt(0, 10, topic_);
  EXPECT_EQ(Read(30).size(), 30u) << "decoding goes on, and nothing comes twice";
  EXPECT_EQ(Rows(), 20);
}

TEST_F(UpkeepTest, WithoutARetentionNothingGoes) {
  InsertAt(-9, 10, topic_);
  auto relay = StartRelay({"--outbox_retention_days=0"});
  Eventually("it has looked", [&] {
    return relay->Metric("outbox_last_rotation_timestamp_seconds{source=\"test\"}") > 0;
  });
  EXPECT_EQ(Read(10).size(), 10u);
  EXPECT_EQ(Rows(), 10);
  EXPECT_EQ(OldPartitions(), 2);
}

TEST_F(UpkeepTest, RowsThatMoveOutOfDefaultAreNotSentAgain) {
  InsertAt(20, 10, topic_);
  auto relay = StartRelay();
  EXPECT_EQ(Read(10).size(), 10u);
  Eventually("the alarm is there",
             [&] { return relay->Metric("outbox_default_partition_rows{source=\"test\"}") == 10; });
  EXPECT_THAT(relay->log(), HasSubstr("ids must be UUIDv7"));
  CreatePartitionsAhead(25);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox_default"), 0);
  InsertAt(20, 10, topic_);
  EXPECT_EQ(Read(20).size(), 20u) << "each came once";
}

TEST_F(UpkeepTest, ItSaysHowTheTableStands) {
  auto relay = StartRelay();
  Eventually("the days ahead are made and counted",
             [&] { return relay->Metric("outbox_future_partitions{source=\"test\"}") == 7; });
  EXPECT_GT(relay->Metric("outbox_table_bytes{source=\"test\"}"), 0);
  EXPECT_GT(relay->Metric("outbox_wal_budget_bytes{source=\"test\"}"), 0);
  EXPECT_GE(relay->Metric("outbox_wal_budget_used_ratio{source=\"test\"}"), 0);
}

}  // namespace
}  // namespace relay
