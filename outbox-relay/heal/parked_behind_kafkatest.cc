// Healing beside what is parked: rows of parked keys go among it, and a release puts all of a key
// into the topic in order.
#include <gmock/gmock.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "libs/kafka/admin.h"
#include "outbox-relay/heal/parked_behind.h"
#include "outbox-relay/testing/heal_fixture.h"
#include "outbox-relay/testing/parking_fixture.h"
#include "outbox-relay/testing/topic_admin.h"
#include "outbox-relay/testing/verb_run.h"

namespace relay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class ParkedBehindTest : public HealFixture {
 protected:
  // Parks these rows, which are of one key, from the first on.
  void ParkAsRelaysDo(const std::string& rows) {
    Execute(absl::StrCat(
        "INSERT INTO outbox_parked_keys (topic, name, poison_id, reason, fix, system_id, "
        "commit_lsn, ordinal) SELECT topic, 'k' || aggregateid, id::text, 'x', 'y', "
        "system_identifier::text, pg_current_wal_lsn(), 0 FROM outbox, pg_control_system() WHERE ",
        rows,
        " ORDER BY seq LIMIT 1; INSERT INTO outbox_parked (id, scope, era, commit_lsn, ordinal, "
        "topic, key, type, payload, created_at) SELECT id::text, scope, 0, commit_lsn, seq, "
        "o.topic, aggregateid, type, payload, created_at FROM outbox o, outbox_parked_keys WHERE ",
        rows));
  }
  // `values` of one key, an event each.
  void InsertValues(const std::string& topic, const std::string& key,
                    std::initializer_list<int> values) {
    for (const int value : values) InsertEventOf(topic, key, absl::StrCat("'", value, "'"));
  }
  int64_t ParkedEvents() const { return database_.Count("SELECT count(*) FROM outbox_parked"); }
  VerbRun Release() const {
    return RunVerb({"parked", "release", "--source=test=" + database_.relay(), "--all"});
  }
  void LoseTheSlot() {
    Eventually("the slot is let go", [&] { return !SlotActive(); });
    DropSlot();
  }
};

TEST_F(ParkedBehindTest, RowsOfAParkedKeyGoBehindWhatIsParked) {
  PublishAndDie();
  {
    auto relay = StartRelay({"--kafka_property=message.max.bytes=50000"});
    InsertEventOf(topic_, "key-3", kRandom100k);
    InsertEvents("parked", 20);
    Eventually("its key is parked", [&] { return ParkedEvents() == 3; });
    Read(118);
  }
  LoseTheSlot();
  InsertEvents("in no stream", 20);
  auto relay = StartRelay({"--heal=table", "--kafka_property=message.max.bytes=50000"});
  EventuallyHealed(*relay);
  EXPECT_THAT(relay->log(), HasSubstr("published=18 parked=2"));
  InsertEvents("after", 20);
  Eventually("the stream's are parked, too", [&] { return ParkedEvents() == 7; });
  relay->Kill();
  Eventually("the slot is let go", [&] { return !SlotActive(); });
  relay = StartRelay();
  EXPECT_EQ(Release().exit_code, 0);
  auto of_key = FirstOccurrences(ExpectTableAndTopicAreTheSame()).at("key-3");
  ASSERT_EQ(of_key.size(), 17u);
  of_key.erase(of_key.begin(), of_key.begin() + 11);  // those before, and the large one
  EXPECT_THAT(of_key, ElementsAre("parked3", "parked13", "in no stream3", "in no stream13",
                                  "after3", "after13"));
}

TEST_F(ParkedBehindTest, WhatKafkaRefusesWhileHealingIsParkedAndAllElseIsHealed) {
  PublishAndDie();
  const std::string small = testsupport::UniqueName("relay-small-");
  const kafka::TopicSpec spec{
      .name = small, .partitions = 1, .config = {{"max.message.bytes", "20000"}}};
  ASSERT_EQ(kafka::EnsureTopics(kafka_, {&spec, 1}), absl::OkStatus());
  const std::string missing = testsupport::UniqueName("relay-missing-");
  DropSlot();
  InsertEvents("first", 10);
  InsertEventOf(small);
  InsertEventOf(small, "key", kRandom100k);
  InsertEventOf(small);
  InsertEventOf(missing);
  InsertEventOf(missing);
  InsertEventOf("no topic has this name!");
  InsertEvents("second", 10);
  auto relay = StartRelay({"--heal=table", "--missing_topic_wait_s=1"});
  EventuallyHealed(*relay);
  ExpectTableAndTopicAreTheSame();
  EXPECT_EQ(Read(small, 1).size(), 1u);
  EXPECT_EQ(ParkedEvents(), 5);
  // The topic that was missing needs nobody's help.
  MakeTopic(missing, 1);
  EXPECT_EQ(Ids(Read(missing, 2)).size(), 2u);
  SetMaxMessageBytes(kafka_, small, 1'000'000);
  EXPECT_EQ(Release().exit_code, 0);
  EXPECT_EQ(Ids(Read(small, 3)).size(), 3u);
  Eventually("only what no topic can take is parked", [&] { return ParkedEvents() == 1; });
}

// It was on its way to Kafka when its follower was parked, and the relay died.
TEST_F(ParkedBehindTest, ARowInFrontOfWhatIsParkedIsPublishedInFront) {
  PublishAndDie();
  InsertEvents("in front", 10);
  InsertEventOf(topic_, "key-3", kRandom100k);
  ParkAsRelaysDo("length(payload) = 100000");
  InsertEvents("behind", 10);
  DropSlot();
  auto relay = StartRelay({"--heal=table"});
  EventuallyHealed(*relay);
  EXPECT_THAT(relay->log(), HasSubstr("published=19 parked=1"));
  EXPECT_EQ(Release().exit_code, 0);
  auto of_key = FirstOccurrences(ExpectTableAndTopicAreTheSame()).at("key-3");
  ASSERT_EQ(of_key.size(), 13u);
  EXPECT_EQ(of_key[10], "in front3");
  EXPECT_EQ(of_key[11].size(), 100'000u);
  EXPECT_EQ(of_key[12], "behind3");
}

TEST_F(ParkedBehindTest, ARowInFrontOfWhatIsParkedThatKafkaRefusesIsParkedInFront) {
  PublishAndDie();
  InsertEventOf(topic_, "key-3", kRandom100k);
  InsertEvents("in front", 10);
  InsertEventOf(topic_, "key-3", kRandom100k);
  ParkAsRelaysDo("seq = (SELECT max(seq) FROM outbox)");
  DropSlot();
  {
    auto relay = StartRelay({"--heal=table", "--kafka_property=message.max.bytes=50000"});
    EventuallyHealed(*relay);
    EXPECT_THAT(relay->log(), HasSubstr("published=9 parked=2"));
    EXPECT_EQ(ParkedEvents(), 3);
  }
  Eventually("the slot is let go", [&] { return !SlotActive(); });
  auto relay = StartRelay();
  EXPECT_EQ(Release().exit_code, 0);
  auto of_key = FirstOccurrences(ExpectTableAndTopicAreTheSame()).at("key-3");
  ASSERT_EQ(of_key.size(), 13u);
  EXPECT_EQ(of_key[10].size(), 100'000u);
  EXPECT_EQ(of_key[11], "in front3");
  EXPECT_EQ(of_key[12].size(), 100'000u);
}

// It was on its way into the table when the relay died.
TEST_F(ParkedBehindTest, ARowBetweenWhatIsParkedIsParkedBetween) {
  PublishAndDie();
  Execute(
      "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) "
      "SELECT gen_random_uuid(), 'T', 'k', 'T', i::text::bytea, '" +
      topic_ + "' FROM generate_series(1, 5) i");
  ParkAsRelaysDo("payload IN ('2', '4')");
  DropSlot();
  auto relay = StartRelay({"--heal=table"});
  EventuallyHealed(*relay);
  EXPECT_EQ(ParkedEvents(), 4);
  EXPECT_EQ(Release().exit_code, 0);
  EXPECT_THAT(FirstOccurrences(ExpectTableAndTopicAreTheSame()).at("k"),
              ElementsAre("1", "2", "3", "4", "5"));
}

// The broker has refused its event, and the relay died before it came by again: the key has no
// place yet. What comes before that event is published.
TEST_F(ParkedBehindTest, AKeyThatIsOnlyListedIsParkedFromItsEventOn) {
  PublishAndDie();
  InsertValues(topic_, "k", {1, 2});
  InsertEventOf(topic_, "k", kRandom100k);
  InsertValues(topic_, "k", {4});
  Execute(
      "INSERT INTO outbox_parked_keys (topic, name, poison_id, reason, fix) SELECT topic, 'kk', "
      "id::text, 'x', 'y' FROM outbox WHERE length(payload) = 100000");
  DropSlot();
  auto relay = StartRelay({"--heal=table"});
  EventuallyHealed(*relay);
  EXPECT_THAT(relay->log(), HasSubstr("published=2 parked=2"));
  InsertValues(topic_, "k", {5});
  Eventually("the stream's is parked, too", [&] { return ParkedEvents() == 3; });
  EXPECT_EQ(Release().exit_code, 0);
  const auto of_key = FirstOccurrences(ExpectTableAndTopicAreTheSame()).at("k");
  EXPECT_THAT(of_key, ElementsAre("1", "2", SizeIs(100'000), "4", "5"));
}

// One key by itself, all others together with their topic.
TEST_F(ParkedBehindTest, RowsOfAParkedTopicGoAmongThoseOfItsKeys) {
  const std::string missing = testsupport::UniqueName("relay-missing-");
  const std::vector<std::string> flags = {"--heal=table", "--missing_topic_wait_s=0",
                                          "--max_parked_keys=1"};
  PublishAndDie();
  {
    auto relay = StartRelay(flags);
    InsertValues(missing, "a", {1});
    InsertValues(missing, "b", {1});
    InsertValues(missing, "c", {1});
    Eventually("both are parked", [&] { return ParkedEvents() == 3; });
    relay->Kill();
  }
  LoseTheSlot();
  InsertValues(missing, "a", {2});
  InsertValues(missing, "b", {2});
  InsertValues(missing, "d", {2});
  auto relay = StartRelay(flags);
  EventuallyHealed(*relay);
  EXPECT_THAT(relay->log(), HasSubstr("published=0 parked=3"));
  InsertValues(missing, "b", {3});
  Eventually("the stream's is parked, too", [&] { return ParkedEvents() == 7; });
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox_parked_keys"), 2);
  MakeTopic(missing, 1);
  auto of_key = FirstOccurrences(Read(missing, 7));
  EXPECT_THAT(of_key["a"], ElementsAre("1", "2"));
  EXPECT_THAT(of_key["b"], ElementsAre("1", "2", "3"));
  Eventually("nothing is parked", [&] { return ParkedEvents() == 0; });
}

// Twice: each healing places anew what is parked, and the first has put some of its own there.
TEST_F(ParkedBehindTest, AHealingThatBrokeOffKeepsTheOrderForTheNext) {
  const std::string missing = testsupport::UniqueName("relay-missing-");
  const std::vector<std::string> flags = {"--heal=table", "--missing_topic_wait_s=600"};
  PublishAndDie();
  InsertValues(topic_, "k", {1, 2});
  ParkAsRelaysDo("aggregateid = 'k'");
  Execute(
      "INSERT INTO outbox (id, aggregatetype, aggregateid, type, topic, payload) SELECT "
      "gen_random_uuid(), 'T', 'k', 'T', '" +
      topic_ + "', (i || repeat(' ', 1000))::bytea FROM generate_series(3, 3000) i");
  InsertEventOf(missing);
  InsertValues(topic_, "k", {3001});
  DropSlot();
  for (int i = 0; i < 2; ++i) {
    auto relay = StartRelay(flags);
    // It does not come to its end without the topic.
    Eventually("it has written some", [&] { return ParkedEvents() > 1'500; });
    EXPECT_LT(ParkedEvents(), 3'000);
    KillHealing(*relay);
  }
  MakeTopic(missing, 1);
  auto relay = StartRelay(flags);
  EventuallyHealed(*relay);
  EXPECT_EQ(ParkedEvents(), 3'001);
  EXPECT_EQ(Release().exit_code, 0);
  const auto of_key = FirstOccurrences(ExpectTableAndTopicAreTheSame()).at("k");
  ASSERT_EQ(of_key.size(), 3'001u);
  for (int i = 0; i < 3'001; ++i) ASSERT_EQ(std::stoi(of_key[i]), i + 1);
}

}  // namespace
}  // namespace relay
