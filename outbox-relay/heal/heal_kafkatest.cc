// A lost slot is healed from the outbox's rows: table and topic are compared id by id.
#include <gmock/gmock.h>

#include <chrono>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "outbox-relay/testing/heal_fixture.h"
#include "outbox-relay/testing/topic_admin.h"

namespace relay {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HealTest : public HealFixture {
 protected:
  static int CountRepublished(const std::vector<Received>& records) {
    int count = 0;
    for (const Received& record : records) count += record.headers.contains("outbox-republished");
    return count;
  }
};

TEST_F(HealTest, ASlotThatWasDroppedByOneOfTwoRelays) {
  PublishAndDie();
  DropSlot();
  InsertEvents("in no stream", 50);
  auto first = StartRelay({"--heal=table"});
  auto second = StartRelay({"--heal=table"});
  // Not only a slot in use: what is committed while it is being made is healed too.
  Eventually("one has healed and streams", [&] {
    const std::string logs = first->log() + second->log();
    return logs.find("healed from the outbox's rows") != std::string::npos && SlotActive();
  });
  InsertEvents("after", 50);
  const std::vector<Received> records = ExpectTableAndTopicAreTheSame();
  EXPECT_EQ(records.size(), 200u) << "nothing was published twice";
  EXPECT_EQ(CountRepublished(records), 50);
  const std::string logs = first->log() + second->log();
  EXPECT_THAT(logs, HasSubstr("finding=slot_missing compared=50 found=0 published=50 parked=0 "
                              "cannot_prove=none"));
  // The keys' order is that of the rows.
  const auto of_key = FirstOccurrences(records).at("key-1");
  ASSERT_EQ(of_key.size(), 20u);
  EXPECT_EQ(of_key[9], "published91");
  EXPECT_EQ(of_key[10], "in no stream1");
  EXPECT_EQ(of_key[15], "after1");
}

TEST_F(HealTest, ASlotThatWasMovedOn) {
  PublishAndDie();
  InsertEvents("skipped", 50);
  AdvanceSlot();
  InsertEvents("in the stream", 50);
  auto relay = StartRelay({"--heal=table"});
  EventuallyHealed(*relay);
  EXPECT_THAT(relay->log(), HasSubstr("finding=slot_moved compared=100"));
  EXPECT_EQ(ExpectTableAndTopicAreTheSame().size(), 200u);
  relay->Kill();
  // Healed is healed.
  Eventually("the slot is let go", [&] { return !SlotActive(); });
  InsertEvents("later", 10);
  auto next = StartRelay();
  EXPECT_EQ(ExpectTableAndTopicAreTheSame().size(), 210u);
  EXPECT_THAT(next->log(), Not(HasSubstr("Choices")));
}

TEST_F(HealTest, ASlotThatWasMadeAgainWhileATransactionWasOpen) {
  postgres::Connection early = database_.Connect();
  ASSERT_TRUE(early
                  .ExecuteScript(absl::StrCat(
                      "BEGIN; INSERT INTO outbox (id, aggregatetype, aggregateid, type, topic) "
                      "VALUES (gen_random_uuid(), 'T', 'early', 'T', '",
                      topic_, "')"))
                  .ok());
  PublishAndDie();
  DropSlot();
  ASSERT_TRUE(early.ExecuteScript("COMMIT").ok());
  MakeSlot();
  InsertEvents("in the stream", 10);
  auto relay = StartRelay({"--heal=table"});
  EventuallyHealed(*relay);
  EXPECT_EQ(ExpectTableAndTopicAreTheSame().size(), 111u);
}

TEST_F(HealTest, WhatWasPublishedAfterTheRecordIsFoundInTheTopic) {
  PublishAndDie();
  const std::string record = database_.Ask("SELECT details FROM outbox_relay_state");
  const std::string confirmed = database_.Ask("SELECT confirmed::text FROM outbox_relay_state");
  {
    auto relay = StartRelay();
    InsertEvents("published later", 100);
    Read(200);
    relay->Kill();
    Eventually("the slot is let go", [&] { return !SlotActive(); });
  }
  // As in an older copy of the database.
  Execute(absl::StrCat("UPDATE outbox_relay_state SET confirmed = '", confirmed, "', details = $j$",
                       record, "$j$"));
  DropSlot();
  InsertEvents("in no stream", 10);
  auto relay = StartRelay({"--heal=table"});
  EventuallyHealed(*relay);
  EXPECT_THAT(relay->log(), HasSubstr("compared=110 found=100 published=10 parked=0"));
  EXPECT_EQ(ExpectTableAndTopicAreTheSame().size(), 210u);
}

// Events of topics that do not exist hold up the healing: until the last of these topics is made no
// kill can come too late.
TEST_F(HealTest, KilledInTheMiddleItStartsOver) {
  PublishAndDie();
  DropSlot();
  const std::string missing[] = {testsupport::UniqueName("relay-missing-"),
                                 testsupport::UniqueName("relay-missing-")};
  InsertEvents("first part", 15'000);
  InsertEventOf(missing[0]);
  InsertEvents("second part", 15'000);
  InsertEventOf(missing[1]);
  InsertEvents("third part", 100);
  std::unique_ptr<RelayProcess> relay;
  for (int i = 0; i < 3; ++i) {
    relay = StartRelay({"--heal=table", "--missing_topic_wait_s=600"});
    Eventually("it has begun", [&] {
      return relay->log().find("healing from the outbox's rows") != std::string::npos;
    });
    // Somewhere: before the slot is there, or with any number of events published.
    std::this_thread::sleep_for(std::chrono::milliseconds(200 * i));
    KillHealing(*relay);
  }
  relay = StartRelay({"--heal=table", "--missing_topic_wait_s=600"});
  Read(15'100);
  KillHealing(*relay);
  MakeTopic(missing[0], 1);
  relay = StartRelay({"--heal=table", "--missing_topic_wait_s=600"});
  Read(30'100);
  KillHealing(*relay);
  EXPECT_THAT(relay->log(), Not(HasSubstr("healed from the outbox's rows")));
  MakeTopic(missing[1], 1);
  InsertEvents("after", 100);
  relay = StartRelay({"--heal=table", "--missing_topic_wait_s=600"});
  EventuallyHealed(*relay);
  const std::vector<Received> records = ExpectTableAndTopicAreTheSame();
  EXPECT_EQ(Ids(records).size(), 30'300u);
  for (const std::string& topic : missing) EXPECT_EQ(Ids(Read(topic, 1)).size(), 1u);
  const auto of_key = FirstOccurrences(records).at("key-1");
  ASSERT_EQ(of_key.size(), 3'030u);
  EXPECT_EQ(of_key[10], "first part1");
  EXPECT_EQ(of_key[1'510], "second part1");
  EXPECT_EQ(of_key[3'010], "third part1");
  EXPECT_EQ(of_key[3'020], "after1");
}

TEST_F(HealTest, RowsThatAreGoneCannotBeProven) {
  PublishAndDie();
  DropSlot();
  Execute("TRUNCATE outbox");
  InsertEvents("kept", 10);
  auto relay = StartRelay({"--heal=table"});
  EventuallyHealed(*relay);
  EXPECT_THAT(relay->log(), HasSubstr("cannot_prove=\"rows with seq below 101"));
  Read(110);
}

TEST_F(HealTest, AfterARestoreNothingIsProvenUntilAnOperatorSaysFromWhichRowOn) {
  PublishAndDie();
  InsertEvents("not published", 50);
  Execute("UPDATE outbox_relay_state SET system_id = '1'");
  auto relay = StartRelay({"--heal=table"});
  ExpectRefused(*relay, "no row can be proven published");
  ASSERT_NO_FATAL_FAILURE(AcceptRowsUpTo(100));
  EventuallyHealed(*relay);
  EXPECT_THAT(relay->log(), HasSubstr("compared=50 found=0 published=50 parked=0"));
  EXPECT_EQ(ExpectTableAndTopicAreTheSame().size(), 150u);
}

// A partition whose retention is over while nobody knows what of it was published.
TEST_F(HealTest, NothingIsEmptiedUntilItIsHealed) {
  Execute("SELECT partitions_make('outbox', (now() AT TIME ZONE 'UTC')::date - 9)");
  PublishAndDie();
  DropSlot();
  Execute(
      absl::StrCat("INSERT INTO outbox (id, aggregatetype, aggregateid, type, topic) VALUES ((left("
                   "uuid_v7_floor(now() - interval '9 days')::text, 24) || "
                   "left(md5(random()::text), 12))::uuid, "
                   "'T', 'old', 'T', '",
                   topic_, "')"));
  MakeSlot();
  const auto old_rows = [&] {
    return database_.Count("SELECT count(*) FROM outbox WHERE aggregateid = 'old'");
  };
  auto relay = StartRelay({"--outbox_retention_days=1"});
  ExpectRefused(*relay, "somebody moved it or made it again");
  // A turn asks something at least once; emptying would take four.
  std::set<std::string> asked;
  Eventually("upkeep has had eight turns", [&] {
    Execute("CHECKPOINT");
    asked.insert(
        database_.Ask("SELECT coalesce(max(query_start)::text, '') FROM pg_stat_activity WHERE "
                      "application_name = "
                      "'outbox-relay upkeep' AND datname = current_database()"));
    return asked.size() > 8;
  });
  EXPECT_EQ(relay->Stop(), 0);
  EXPECT_EQ(old_rows(), 1);
  relay = StartRelay({"--outbox_retention_days=1", "--heal=table"});
  EventuallyHealed(*relay);
  EXPECT_EQ(ExpectTableAndTopicAreTheSame().size(), 101u);
  Eventually("the old day is emptied", [&] {
    Execute("CHECKPOINT");
    return old_rows() == 0;
  });
}

}  // namespace
}  // namespace relay
