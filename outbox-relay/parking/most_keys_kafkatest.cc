// As many keys as may be parked are: what is refused then waits for a place, and memory stays
// bounded.
#include <gmock/gmock.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "outbox-relay/testing/kafka_proxy.h"
#include "outbox-relay/testing/parking_fixture.h"
#include "outbox-relay/testing/topic_admin.h"

namespace relay {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

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
  // Four keys of a missing topic.
  void InsertRefused() {
    Execute(Insert("gen_random_uuid()", "k1", "'1'", missing_) +
            Insert("gen_random_uuid()", "k2", "'1'", missing_) +
            Insert("gen_random_uuid()", "k3", "'1'", missing_) +
            Insert("gen_random_uuid()", "k2", "'2'", missing_) +
            Insert("gen_random_uuid()", "k4", "'1'", missing_));
  }
  static void ExpectFull(const RelayProcess& relay, bool full = true) {
    Eventually(full ? "an event waits for a place" : "none waits for a place",
               [&] { return Gauge(relay, "outbox_parking_full") == (full ? 1 : 0); });
  }
  void GiveUp(const std::string& key) {
    Parked("drop", {"--topic=" + missing_, "--key=" + key, "--reason=a test"});
    Parked("release", {"--topic=" + missing_, "--key=" + key});
  }

  // Three keys are parked, the fourth waits for a place, and ten events behind it.
  std::unique_ptr<RelayProcess> StartFull() {
    MakeTopic(topic_);
    auto relay = Start();
    InsertRefused();
    InsertEvents("behind", 10);
    EventuallyParked(4);
    ExpectFull(*relay);
    return relay;
  }
  // In the middle of a transaction of k1 to k5: k1 is given up, and k5 waits for a place.
  void DieAfterADrop() {
    std::string sql;
    for (int i = 1; i <= 5; ++i) {
      sql += Insert("gen_random_uuid()", absl::StrCat("k", i), "'1'", missing_);
    }
    Execute(sql);
    auto relay = Start();
    EventuallyParked(3);
    ExpectFull(*relay);
    GiveUp("k1");
    Eventually("the fourth has its place", [&] { return IsParked("k4"); });
    ExpectFull(*relay);
    relay->Kill();
  }
  // What would be overtaken is not released; a larger number always helps.
  void ExpectReleasesWait(const RelayProcess& relay) {
    Eventually("they are released", [&] {
      return relay.log().find("keys that are released wait") != std::string::npos;
    });
    ExpectFull(relay);
  }
  bool IsParked(const std::string& key) {
    return database_.Count("SELECT count(*) FROM outbox_parked_keys WHERE name = 'k" + key + "'") ==
           1;
  }

  const std::string missing_ = testsupport::UniqueName("relay-missing-");
};

TEST_P(MostKeysTest, WhatIsRefusedThenWaitsForAPlace) {
  auto relay = StartFull();
  Eventually("it says so",
             [&] { return relay->log().find("no more keys may be parked") != std::string::npos; });
  EXPECT_EQ(ParkedKeys(), 3);
  // One place gets free: for what waits, and what is behind it flows.
  GiveUp("k1");
  EXPECT_EQ(Read(10).size(), 10u);
  ExpectFull(*relay, false);
  Eventually("the next one has its place", [&] { return ParkedKeys() == 3; });
  // What is refused for another reason waits in the same way.
  Execute(Insert("gen_random_uuid()", "k", "'x'", "no topic!"));
  InsertEvents("last", 10);
  ExpectFull(*relay);
  MakeTopic(missing_, 1);
  EXPECT_THAT(FirstOccurrences(Read(missing_, 4)).at("k2"), ElementsAre("1", "2"));
  EXPECT_EQ(Read(20).size(), 20u);
  EventuallyParked(1);
}

// The stream begins in front of what is parked, and stops at the one that waits: as it never passes
// them all, a release may not wait for that.
TEST_P(MostKeysTest, ARestartDoesNotKeepAReleaseFromMakingRoom) {
  auto relay = StartFull();
  relay->Kill();
  relay = Start();
  ExpectFull(*relay);
  GiveUp("k1");
  EXPECT_EQ(Read(10).size(), 10u);
  Eventually("the next one has its place", [&] { return ParkedKeys() == 3; });
  MakeTopic(missing_, 1);
  EventuallyNothingParked();
  Execute(Insert("gen_random_uuid()", "last", "'1'", missing_));
  const std::vector<Received> records = Read(missing_, 5);
  EXPECT_EQ(records.size(), 5u) << "nothing came twice, as nothing parked lies behind what waits";
  EXPECT_THAT(FirstOccurrences(records).at("k2"), ElementsAre("1", "2"));
}

// All of it comes by again, also what an operator has given up: that needs neither a place nor a
// try.
TEST_P(MostKeysTest, ARestartAfterADropTakesNoPlaceBack) {
  MakeTopic(topic_);
  DieAfterADrop();
  InsertEvents("behind", 10);
  auto relay = Start();
  ExpectFull(*relay);
  GiveUp("k2");
  EXPECT_EQ(Read(10).size(), 10u);
  Eventually("the last has its place", [&] { return IsParked("k5"); });
}

TEST_P(MostKeysTest, WhatIsGivenUpIsNotPublishedThoughItComesByAgain) {
  DieAfterADrop();
  MakeTopic(missing_, 1);
  auto relay = Start();
  EventuallyNothingParked();
  Execute(Insert("gen_random_uuid()", "last", "'1'", missing_));
  std::set<std::string> keys;
  for (const Received& record : Read(missing_, 5)) keys.insert(record.key);
  EXPECT_THAT(keys, ElementsAre("k2", "k3", "k4", "k5", "last"));
}

// It was on its way to Kafka when what lies behind it was parked, and got lost.
TEST_P(MostKeysTest, WhatIsParkedBehindTheOneThatWaitsIsReleasedBehindIt) {
  const std::string other = testsupport::UniqueName("relay-other-");
  MakeTopic(other, 1);
  KafkaProxy proxy(kafka_.brokers);
  auto relay = Start(2, proxy.address());
  Execute(Insert("gen_random_uuid()", "k2", "'1'", other));
  Read(other, 1);
  proxy.SwallowProduce();
  Execute(Insert("gen_random_uuid()", "k1", "'1'", missing_) +
          Insert("gen_random_uuid()", "k2", "'2'", other) +
          Insert("gen_random_uuid()", "k3", "'1'", missing_) +
          Insert("gen_random_uuid()", "k1", "'2'", missing_));
  EventuallyParked(3);
  relay->Kill();
  DeleteTopic(kafka_, other);
  relay = Start(2);
  ExpectFull(*relay);
  MakeTopic(missing_, 1);
  ExpectReleasesWait(*relay);
  EXPECT_EQ(relay->Stop(), 0);
  relay = Start(3);
  Eventually("only what waited is parked", [&] { return ParkedKeys() == 1 && IsParked("k2"); });
  Execute(Insert("gen_random_uuid()", "last", "'1'", missing_));
  const std::vector<Received> records = Read(missing_, 4);
  EXPECT_EQ(records.size(), 4u);
  EXPECT_THAT(FirstOccurrences(records).at("k1"), ElementsAre("1", "2"));
}

// An earlier event of a key that is parked already is refused when it comes again; one between them
// is not in the table.
TEST_P(MostKeysTest, WhatLiesBetweenParkedEventsIsNotOvertaken) {
  const std::string other = testsupport::UniqueName("relay-other-");
  const std::string third = testsupport::UniqueName("relay-third-");
  MakeTopic(other, 1);
  MakeTopic(third, 1);
  KafkaProxy proxy(kafka_.brokers);
  auto relay = Start(1, proxy.address(), {"--kafka_property=message.max.bytes=50000"});
  Execute(Insert("gen_random_uuid()", "before", "'1'", other) +
          Insert("gen_random_uuid()", "before", "'1'", third));
  Read(other, 1);
  Read(third, 1);
  Eventually("neither comes by again", [&] { return Unrecorded() == 0; });
  proxy.SwallowProduce();
  Execute(Insert("gen_random_uuid()", "k", "'a'", other) +
          Insert("gen_random_uuid()", "waits", "'1'", third) +
          Insert("gen_random_uuid()", "k", "'b'", other) +
          Insert("gen_random_uuid()", "k", kRandom100k, other));
  EventuallyParked(1);
  relay->Kill();
  DeleteTopic(kafka_, other);
  DeleteTopic(kafka_, third);
  relay = Start(1);
  EventuallyParked(2);
  ExpectFull(*relay);
  MakeTopic(other, 1);
  ExpectReleasesWait(*relay);
  EXPECT_EQ(relay->Stop(), 0);
  relay = Start(2);
  EXPECT_THAT(FirstOccurrences(Read(other, 3)).at("k"), ElementsAre("a", "b", SizeIs(100'000)));
}

INSTANTIATE_TEST_SUITE_P(, MostKeysTest, ::testing::Bool(), [](const auto& mode) {
  return std::string(mode.param ? "ExactlyOnce" : "AtLeastOnce");
});

}  // namespace
}  // namespace relay
