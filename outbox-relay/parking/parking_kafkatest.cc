// Events that Kafka refuses: their keys are parked, everything else flows, and a release puts all
// of them into the topic in order.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/kafka/admin.h"
#include "outbox-relay/testing/kafka_proxy.h"
#include "outbox-relay/testing/parking_fixture.h"
#include "outbox-relay/testing/topic_admin.h"

namespace relay {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kPoisonId[] = "0192f0c1-2345-7abc-8def-0123456789ab";

class ParkingTest : public ParkingFixture {
 protected:
  void MakeSmallTopic(int max_message_bytes) { MakeSmallTopic(topic_, max_message_bytes); }
  void MakeSmallTopic(const std::string& topic, int max_message_bytes) {
    const kafka::TopicSpec spec{
        .name = topic,
        .partitions = 3,
        .config = {{"max.message.bytes", std::to_string(max_message_bytes)}}};
    ASSERT_EQ(kafka::EnsureTopics(kafka_, {&spec, 1}), absl::OkStatus());
  }

  void InsertPoison(const std::string& key, const std::string& payload = kRandom100k) {
    Execute(Insert(absl::StrCat("'", kPoisonId, "'"), key, payload, topic_));
  }
};

// Neither has room in an index of Postgres, nor does a timestamp that is none stop anything.
TEST_F(ParkingTest, KeysAndTopicsOfAnySizeAreParked) {
  MakeTopic(topic_);
  auto relay = StartRelay();
  Execute(
      "ALTER TABLE outbox ALTER created_at SET DEFAULT 'infinity'; CREATE TABLE random AS SELECT "
      "string_agg(gen_random_uuid()::text, '') AS text FROM generate_series(1, 500)");
  // Random, as what repeats is compressed.
  Execute(
      "INSERT INTO outbox (id, aggregatetype, aggregateid, type, topic) "
      "SELECT gen_random_uuid(), 'T', key, 'T', topic FROM random, LATERAL (VALUES "
      "(text, 'no topic!'), (text, 'no topic!'), ('key', text), (text, text)) AS v (key, topic)");
  InsertEvents("after", 10);
  EXPECT_EQ(Ids(Read(10)).size(), 10u);
  EventuallyParked(4);
  EXPECT_EQ(ParkedKeys(), 3);
  EXPECT_EQ(relay->Stop(), 0);
}

// librdkafka's own limit: the producer lives on.
TEST_F(ParkingTest, WhatIsTooLargeForTheProducerParksItsKeyAndAllElseFlows) {
  MakeTopic(topic_);
  InsertEvents("before", 5, 1);
  InsertPoison("key-0");
  InsertEvents("after", 10, 2);
  auto relay = StartRelay({"--kafka_property=message.max.bytes=50000"});
  EXPECT_THAT(FirstOccurrences(Read(10)).at("key-0"),
              ElementsAre("before1", "before2", "before3", "before4", "before5"));
  EventuallyParked(6);
  Eventually("it counts", [&] {
    return Gauge(*relay, "outbox_parked_keys") == 1 && Gauge(*relay, "outbox_parked_events") == 6 &&
           Gauge(*relay, "outbox_unpublished_events") == 0;
  });
  EXPECT_THAT(relay->log(), HasSubstr(kPoisonId));
  EXPECT_THAT(relay->log(), HasSubstr("raise max.message.bytes of the topic " + topic_));
  EXPECT_EQ(Gauge(*relay, "outbox_relay_stream_starts_total"), 1);
  // Another relay knows it, and what comes queues behind.
  relay->Kill();
  relay = StartRelay();
  InsertEvents("later", 4, 2);
  EXPECT_EQ(Ids(Read(12)).size(), 12u);
  EventuallyParked(8);
  const VerbRun released = Parked("release", {"--topic=" + topic_, "--key=key-0"});
  EXPECT_EQ(released.exit_code, 0);
  EXPECT_THAT(released.output, HasSubstr("released 1 keys with 8 events; the active relay"));
  auto payloads = FirstOccurrences(Read(20)).at("key-0");
  ASSERT_EQ(payloads.size(), 13u);
  EXPECT_EQ(payloads[5].size(), 100'000u);
  payloads.erase(payloads.begin(), payloads.begin() + 6);
  EXPECT_THAT(payloads,
              ElementsAre("after2", "after4", "after6", "after8", "after10", "later2", "later4"));
  EventuallyNothingParked();
  EXPECT_THAT(Parked("release", {"--all"}).output, HasSubstr("nothing to release"));
  InsertEvents("again", 1, 1);
  Read(21);
  EXPECT_EQ(Gauge(*relay, "outbox_parked_keys"), 0);
}

// The broker's limit: the producer is done, and another one goes on.
TEST_F(ParkingTest, WhatTheBrokerRefusesParksItsKeyAndAllElseFlows) {
  MakeSmallTopic(20'000);
  auto relay = StartRelay();
  Execute(absl::StrCat(Insert("gen_random_uuid()", "bad", "'first'", topic_),
                       Insert("gen_random_uuid()", "good", "'one'", topic_),
                       Insert(absl::StrCat("'", kPoisonId, "'"), "bad", kRandom100k, topic_),
                       Insert("gen_random_uuid()", "good", "'two'", topic_),
                       Insert("gen_random_uuid()", "bad", "'last'", topic_)));
  const auto payloads = FirstOccurrences(Read(3));
  EXPECT_THAT(payloads.at("bad"), ElementsAre("first"));
  EXPECT_THAT(payloads.at("good"), ElementsAre("one", "two"));
  EventuallyParked(2);
  EXPECT_EQ(ParkedKeys(), 1);
  // Released too early it is parked again, in its place.
  Parked("release", {"--all"});
  Eventually("it is parked again", [&] {
    return relay->log().find("parked again") != std::string::npos ||
           Gauge(*relay, "outbox_publish_failures_total") >= 2;
  });
  Eventually("the release is over", [&] {
    return database_.Count("SELECT count(*) FROM outbox_parked_keys WHERE released_at IS NULL") ==
           1;
  });
  SetMaxMessageBytes(kafka_, topic_, 1'000'000);
  Parked("release", {absl::StrCat("--id=", kPoisonId)});
  const auto all = FirstOccurrences(Read(5)).at("bad");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1].size(), 100'000u);
  EXPECT_TRUE(all[2] == "last");  // no binary in the log
  EventuallyNothingParked();
}

// It goes only once nothing else is on its way, and a backlog sees to it that something always is.
TEST_F(ParkingTest, ABacklogMakesRoomForAReleasedEventThatMayBeTooLarge) {
  const std::string small = testsupport::UniqueName("relay-small-");
  MakeTopic(topic_);
  MakeSmallTopic(small, 20'000);
  KafkaProxy proxy(kafka_.brokers);
  auto relay = StartRelay({}, proxy.address());
  Execute(Insert("gen_random_uuid()", "k", kRandom100k, small));
  EventuallyParked(1);
  InsertEvents("known", 100, 100);
  Read(100);
  constexpr int kTransactions = 50, kEvents = 2'000;
  relay->Freeze();
  for (int i = 0; i < kTransactions; ++i) InsertEvents("behind", kEvents, 100);
  Parked("release", {"--all"});
  proxy.DelayAnswers(std::chrono::milliseconds(20));
  relay->Thaw();
  Eventually("it is refused again",
             [&] { return Gauge(*relay, "outbox_publish_failures_total") >= 2; });
  EXPECT_LT(Gauge(*relay, "outbox_published_events_total"), kTransactions * kEvents);
}

// No event is at fault then, only their batches are too large for the topic.
TEST_F(ParkingTest, ALimitLoweredWhileRunningParksOnlyWhatIsTooLarge) {
  MakeTopic(topic_, 1);
  auto relay = StartRelay();
  InsertEvents("warm", 10);
  Read(10);
  SetMaxMessageBytes(kafka_, topic_, 20'000);
  Execute(
      absl::StrCat("INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) "
                   "SELECT gen_random_uuid(), 'T', 'key-' || i % 7, 'T', "
                   "uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), '",
                   topic_, "' FROM generate_series(1, 3000) i"));
  InsertPoison("large");
  InsertEvents("after", 10);
  Read(3'020);
  EventuallyParked(1);
  EXPECT_EQ(database_.Ask("SELECT id FROM outbox_parked"), kPoisonId);
}

TEST_F(ParkingTest, AllThatIsParkedOfAKeyIsGivenUpAtOnce) {
  auto relay = StartRelay({"--missing_topic_wait_s=0"});
  InsertEvents("event", 10, 2);
  EventuallyParked(10);
  const std::vector<std::string> flags = {"--topic=" + topic_, "--key=key-0", "--all_behind",
                                          "--reason=a test"};
  EXPECT_THAT(Parked("drop", flags).output, HasSubstr("dropped 5 events of 1 keys"));
  EXPECT_THAT(Parked("list", {"--topic=" + topic_, "--key=key-0"}).output,
              HasSubstr("fix:     outbox-relay parked release"));
  Parked("release", {"--topic=" + topic_, "--key=key-0"});
  Eventually("its key is parked no more", [&] { return ParkedKeys() == 1; });
  EXPECT_EQ(ParkedEvents(), 5);
  EXPECT_EQ(Parked("drop", {"--id=x", "--all_behind", "--reason=a test"}).exit_code, 2);
}

TEST_F(ParkingTest, ADroppedEventIsNeverPublishedAndWhatIsBehindItFlows) {
  MakeTopic(topic_);
  auto relay = StartRelay({"--kafka_property=message.max.bytes=50000"});
  InsertPoison("key-0");
  InsertEvents("after", 3, 1);
  EventuallyParked(4);
  const VerbRun list = Parked("list", {"--json"});
  EXPECT_THAT(list.output, HasSubstr(absl::StrCat("\"poison_id\": \"", kPoisonId, "\"")));
  EXPECT_THAT(list.output, HasSubstr("\"events\": 4"));
  EXPECT_EQ(Parked("drop", {"--all"}).exit_code, 2) << "--reason is missing";
  const std::vector<std::string> drop = {"--topic=" + topic_, "--key=key-0", "--reason=a test",
                                         "--by=me"};
  EXPECT_THAT(Parked("drop", drop).output, HasSubstr("dropped 1 events of 1 keys"));
  EXPECT_THAT(Parked("drop", drop).output, HasSubstr("nothing to drop"));
  Parked("release", {"--all"});
  EXPECT_THAT(FirstOccurrences(Read(3)).at("key-0"), ElementsAre("after1", "after2", "after3"));
  EventuallyNothingParked();
  EXPECT_EQ(database_.Ask("SELECT dropped_by || ': ' || dropped_why FROM outbox_parked"),
            "me: a test");
  Eventually("nothing counts as parked",
             [&] { return Gauge(*relay, "outbox_parked_events") == 0; });
}

// It may be on its way to Kafka.
TEST_F(ParkingTest, WhatIsReleasedCannotBeDropped) {
  MakeTopic(topic_);
  {
    auto relay = StartRelay({"--kafka_property=message.max.bytes=50000"});
    InsertPoison("key-0");
    EventuallyParked(1);
  }
  Parked("release", {"--all"});
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--all", "--reason=a test", "--dry_run"},
        {"--all", "--reason=a test"}}) {
    EXPECT_THAT(Parked("drop", flags).output,
                AllOf(HasSubstr("1 keys are released"), HasSubstr("nothing to drop")));
  }
  auto relay = StartRelay({"--kafka_property=message.max.bytes=50000"});
  // Refused again, it can be.
  Eventually("it is given up", [&] {
    return Parked("drop", {"--all", "--reason=a test"}).output.find("dropped 1 events") !=
           std::string::npos;
  });
}

TEST_F(ParkingTest, AHundredThousandEventsOfOneKeyInBoundedMemory) {
  MakeTopic(topic_, 1);
  auto relay = StartRelay({"--kafka_property=message.max.bytes=50000"});
  InsertPoison("key-0");
  InsertEvents("event", 100'000, 1);
  InsertEvents("other", 10, 2);
  Read(5);
  for (const int64_t at_least : {25'000, 50'000, 75'000}) {
    Eventually("it gets on", [&] { return ParkedEvents() >= at_least; });
  }
  EventuallyParked(100'006);
  Eventually("it is confirmed", [&] { return Gauge(*relay, "outbox_unpublished_events") == 0; });
  Parked("drop", {"--all", "--reason=test"});
  Parked("release", {"--all"});
  const auto payloads = FirstOccurrences(Read(100'010)).at("key-0");
  ASSERT_EQ(payloads.size(), 100'005u);
  for (int i = 0; i < 100'000; ++i) ASSERT_EQ(payloads[i], absl::StrCat("event", i + 1));
  EventuallyNothingParked();
  const int64_t peak = relay->PeakResidentKilobytes();
  RecordProperty("peak_resident_kb", std::to_string(peak));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(peak, 80'000) << "kB";
#endif
}

// Killed while it parks, and while it publishes what is released.
TEST_F(ParkingTest, KillsLoseNothingParkNothingTwiceAndKeepTheOrder) {
  MakeTopic(topic_, 1);
  InsertPoison("key-0");
  InsertEvents("event", 30'000, 2);
  for (const int64_t at_least : {1, 5'000, 9'000}) {
    auto relay = StartRelay({"--kafka_property=message.max.bytes=50000"});
    Eventually("some are parked", [&] { return ParkedEvents() >= at_least; });
  }
  {
    auto relay = StartRelay({"--kafka_property=message.max.bytes=50000"});
    EventuallyParked(15'001);
    Read(15'000);
  }
  Parked("release", {"--all"});
  for (const int64_t at_most : {14'000, 8'000}) {
    auto relay = StartRelay();
    Eventually("some are published", [&] { return ParkedEvents() <= at_most; });
  }
  auto relay = StartRelay();
  InsertEvents("later", 1, 1);
  const auto payloads = FirstOccurrences(Read(30'002)).at("key-0");
  ASSERT_EQ(payloads.size(), 15'002u);
  EXPECT_EQ(payloads[0].size(), 100'000u);
  for (int i = 1; i <= 15'000; ++i) ASSERT_EQ(payloads[i], absl::StrCat("event", 2 * i));
  EXPECT_EQ(payloads.back(), "later1");
  EventuallyNothingParked();
}

// During a rollout the relay of the next release may be sooner than its migration.
TEST_F(ParkingTest, OnTheSchemaOfAnEarlierReleaseNothingOvertakesWhatIsParked) {
  MakeTopic(topic_);
  {
    auto relay = StartRelay({"--kafka_property=message.max.bytes=50000"});
    InsertPoison("key-0");
    EventuallyParked(1);
  }
  Execute("ALTER TABLE outbox_parked_keys DROP COLUMN missing_topic");
  InsertEvents("behind", 1, 1);
  auto relay = StartRelay();
  Eventually("it says what is missing", [&] {
    return relay->log().find("run the `migrate` verb of the service") != std::string::npos;
  });
  Execute(
      "ALTER TABLE outbox_parked_keys ADD COLUMN missing_topic boolean NOT NULL DEFAULT false; "
      "GRANT UPDATE (missing_topic) ON outbox_parked_keys TO test_relay");
  EventuallyParked(2);
  Parked("release", {"--all"});
  EXPECT_EQ(FirstOccurrences(Read(2)).at("key-0").back(), "behind1");
}

TEST_F(ParkingTest, WithoutTheTablesARefusedEventStopsTheSourceLoudly) {
  MakeTopic(topic_);
  Execute("DROP TABLE outbox_parked, outbox_parked_keys");
  InsertPoison("key-0");
  InsertEvents("after", 1, 1);
  {
    auto relay = StartRelay({"--kafka_property=message.max.bytes=50000"});
    Eventually("it says so, and tries again", [&] {
      return relay->log().find("events cannot be parked") != std::string::npos &&
             Gauge(*relay, "outbox_publish_failures_total") >= 2;
    });
  }
  auto relay = StartRelay();
  EXPECT_EQ(FirstOccurrences(Read(2)).at("key-0").back(), "after1");
  EXPECT_THAT(Parked("list", {}).output, HasSubstr("run the service's `migrate` verb"));
}

}  // namespace
}  // namespace relay
