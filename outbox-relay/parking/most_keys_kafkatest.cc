// As many keys are parked one by one as may be: then topics are, and memory stays bounded.
#include <gmock/gmock.h>

#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "outbox-relay/testing/kafka_proxy.h"
#include "outbox-relay/testing/parking_fixture.h"
#include "outbox-relay/testing/topic_admin.h"

namespace relay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// In exactly-once mode or not.
class MostKeysTest : public ParkingFixture, public ::testing::WithParamInterface<bool> {
 protected:
  std::unique_ptr<RelayProcess> Start(int most_keys = 3, const std::string& brokers = "",
                                      std::vector<std::string> flags = {}) {
    flags.emplace_back("--missing_topic_wait_s=0");
    flags.push_back(absl::StrCat("--max_parked_keys=", most_keys));
    if (GetParam()) flags.emplace_back("--exactly_once");
    return StartRelay(std::move(flags), brokers);
  }
  std::string Insert(const std::string& key, const std::string& payload, const std::string& topic) {
    return ParkingFixture::Insert("gen_random_uuid()", key, payload, topic);
  }
  // Three keys of a missing topic, and two more.
  std::string Refused() {
    return Insert("k1", "'1'", missing_) + Insert("k2", "'1'", missing_) +
           Insert("k3", "'1'", missing_) + Insert("k2", "'2'", missing_) +
           Insert("k4", "'1'", missing_) + Insert("k5", "'1'", missing_) +
           Insert("k4", "'2'", missing_);
  }
  // A key and how many of its events are parked, but for those given up.
  int64_t ParkedOf(const std::string& name) {
    return database_.Count(
        "SELECT count(*) FROM outbox_parked_keys k JOIN outbox_parked e USING (scope) WHERE name = "
        "'" +
        name + "' AND dropped_at IS NULL");
  }
  void ExpectAllThereInOrder() {
    const std::map<std::string, std::vector<std::string>> all = FirstOccurrences(Read(missing_, 7));
    EXPECT_EQ(all.size(), 5u);
    EXPECT_THAT(all.at("k2"), ElementsAre("1", "2"));
    EXPECT_THAT(all.at("k4"), ElementsAre("1", "2"));
  }

  // `batches` of `count` events are parked, and then released while there are always more.
  void ExpectReleaseToEnd(const std::string& payload, int count, int batches) {
    auto relay = Start(1);
    const std::string insert = absl::StrCat(
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) SELECT "
        "gen_random_uuid(), 'T', 'k' || i % 100, 'T', ",
        payload, ", '", missing_, "' FROM generate_series(1, ", count, ") i");
    for (int i = 0; i < batches; ++i) Execute(insert);
    EventuallyParked(count * batches);
    MakeTopic(missing_, 1);
    Eventually("it begins", [&] {
      return relay->log().find("what is parked for it is released") != std::string::npos;
    });
    std::jthread more([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) Execute(insert);
    });
    EventuallyNothingParked();
  }

  const std::string missing_ = testsupport::UniqueName("relay-missing-");
};

TEST_P(MostKeysTest, BeyondThemATopicIsParkedAndAllElseFlows) {
  MakeTopic(topic_);
  auto relay = Start();
  Execute(Refused());
  InsertEvents("behind", 10);
  EXPECT_EQ(Read(10).size(), 10u);
  EventuallyParked(7);
  EXPECT_EQ(ParkedKeys(), 4);
  EXPECT_EQ(ParkedOf("kk2"), 2);
  EXPECT_EQ(ParkedOf("t"), 3);
  EXPECT_EQ(Gauge(*relay, "outbox_parked_topics"), 1);
  EXPECT_THAT(relay->log(), HasSubstr("it is parked with all that follows in its topic"));
  EXPECT_THAT(Parked("list", {}).output, HasSubstr("all other keys"));
  EXPECT_THAT(Parked("list", {"--json"}).output, HasSubstr("\"rest_of_topic\": true"));
  EXPECT_THAT(Parked("list", {"--topic=" + missing_, "--key=k4"}).output,
              HasSubstr("the key is not parked by itself. All keys"));
  const auto dry_run = Parked("drop", {"--topic=" + missing_, "--rest_of_topic", "--all_behind",
                                       "--reason=a test", "--dry_run"});
  EXPECT_THAT(dry_run.output, HasSubstr("would drop 3 events of 1 keys"));
  const auto release = Parked("release", {"--topic=" + missing_, "--key=k4"});
  EXPECT_THAT(release.output, HasSubstr("parked together"));
  MakeTopic(missing_, 1);
  ExpectAllThereInOrder();
  EventuallyNothingParked();
  Eventually("no topic is parked", [&] { return Gauge(*relay, "outbox_parked_topics") == 0; });
}

// More comes than is released, if one lets it: many small ones, or such that a lap has room for
// one.
TEST_P(MostKeysTest, AReleaseEndsThoughMuchComes) { ExpectReleaseToEnd("''", 500, 40); }

TEST_P(MostKeysTest, AReleaseOfLargeEventsEndsThoughMuchComes) {
  ExpectReleaseToEnd("convert_to(repeat('x', 600000), 'UTF8')", 10, 4);
}

// A key that was parked with its topic is not parked by itself as long as the topic is.
TEST_P(MostKeysTest, AStartWithALargerNumberKeepsTheOrder) {
  auto relay = Start();
  Execute(Refused());
  EventuallyParked(7);
  relay->Kill();
  relay = Start(100);
  Execute(Insert("k4", "'3'", missing_) + Insert("k6", "'1'", missing_));
  EventuallyParked(9);
  EXPECT_EQ(ParkedKeys(), 4);
  MakeTopic(missing_, 1);
  const auto all = FirstOccurrences(Read(missing_, 9));
  EXPECT_THAT(all.at("k4"), ElementsAre("1", "2", "3"));
  EventuallyNothingParked();
}

// One that Kafka refuses holds its topic until it is given up; the keys that were parked before it
// flow.
TEST_P(MostKeysTest, WhatHoldsATopicIsGivenUp) {
  MakeTopic(topic_);
  auto relay = Start(1, "", {"--kafka_property=message.max.bytes=50000"});
  Execute(Insert("k1", kRandom100k, topic_) + Insert("k2", kRandom100k, topic_) +
          Insert("k3", "'1'", topic_) + Insert("k1", "'2'", topic_) +
          Insert("k4", kRandom100k, topic_) + Insert("k3", "'2'", topic_));
  EventuallyParked(6);
  EXPECT_EQ(ParkedOf("kk1"), 2);
  EXPECT_EQ(ParkedOf("t"), 4);
  Parked("release", {"--all"});
  const auto released = [&] {
    return database_.Count("SELECT count(*) FROM outbox_parked_keys WHERE released_at IS NOT NULL");
  };
  Eventually("both are parked again", [&] {
    return relay->log().find("a released key is parked again") != std::string::npos &&
           released() == 0;
  });
  EXPECT_EQ(ParkedEvents(), 6);
  const auto give_up = [&] {
    Parked("drop", {"--topic=" + topic_, "--rest_of_topic", "--reason=a test"});
    Parked("release", {"--topic=" + topic_, "--rest_of_topic"});
  };
  give_up();
  Eventually("the next one holds it", [&] { return ParkedOf("t") == 2 && released() == 0; });
  give_up();
  Eventually("the topic is parked no more", [&] { return ParkedKeys() == 1; });
  EXPECT_EQ(ParkedOf("kk1"), 2) << "is parked by itself";
  EXPECT_THAT(FirstOccurrences(Read(2)).at("k3"), ElementsAre("1", "2"));
}

// Where a record in front of it was not acknowledged, all comes by again after a crash.
TEST_P(MostKeysTest, WhatIsGivenUpIsNotPublishedThoughItComesByAgain) {
  MakeTopic(topic_, 1);
  KafkaProxy proxy(kafka_.brokers);
  auto relay = Start(1, proxy.address());
  InsertEvents("before", 1);
  Read(1);
  Eventually("it does not come by again", [&] { return Unrecorded() == 0; });
  proxy.SwallowProduce();
  Execute(Insert("lost", "'1'", topic_) + Refused());
  EventuallyParked(7);
  Parked("drop", {"--all", "--reason=a test"});
  Parked("release", {"--topic=" + missing_, "--key=k1"});
  Eventually("its key is no longer parked", [&] { return ParkedKeys() == 1; });
  relay->Kill();
  MakeTopic(missing_, 1);
  relay = Start(1);
  EventuallyNothingParked();
  Execute(Insert("last", "'1'", missing_));
  std::set<std::string> values;
  for (const Received& record : Read(missing_, 6))
    values.insert(record.key + record.value.value_or(""));
  EXPECT_THAT(values, UnorderedElementsAre("k22", "k31", "k41", "k42", "k51", "last1"));
}

// An earlier event of what is parked already is refused when it comes again; one between them is
// not in the table. `key`: parked by itself, or with its topic.
TEST_P(MostKeysTest, WhatLiesBetweenParkedEventsIsNotOvertaken) {
  for (const bool with_topic : {false, true}) {
    SCOPED_TRACE(with_topic);
    const std::string other = testsupport::UniqueName("relay-other-");
    MakeTopic(other, 1);
    KafkaProxy proxy(kafka_.brokers);
    auto relay = Start(1, proxy.address(), {"--kafka_property=message.max.bytes=50000"});
    Execute(Insert("before", "'1'", other));
    Read(other, 1);
    if (with_topic) {
      Execute(Insert("first", "'1'", missing_));
      EventuallyParked(1);
    }
    Eventually("neither comes by again", [&] { return Unrecorded() == 0; });
    proxy.SwallowProduce();
    Execute(Insert("k", "'a'", other) + Insert("k", "'b'", other) +
            Insert("k", kRandom100k, other));
    EventuallyParked(with_topic ? 2 : 1);
    relay->Kill();
    DeleteTopic(kafka_, other);
    relay = Start(1);
    EventuallyParked(with_topic ? 4 : 3);
    MakeTopic(other, 1);
    EXPECT_THAT(FirstOccurrences(Read(other, 3)).at("k"), ElementsAre("a", "b", SizeIs(100'000)));
    EventuallyParked(with_topic ? 1 : 0);
  }
}

INSTANTIATE_TEST_SUITE_P(, MostKeysTest, ::testing::Bool(), [](const auto& mode) {
  return std::string(mode.param ? "ExactlyOnce" : "AtLeastOnce");
});

}  // namespace
}  // namespace relay
