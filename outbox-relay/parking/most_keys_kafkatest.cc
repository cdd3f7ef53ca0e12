// As many keys as may be parked are: what is refused then waits for a place, and memory stays
// bounded.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "outbox-relay/testing/kafka_proxy.h"
#include "outbox-relay/testing/parking_fixture.h"
#include "outbox-relay/testing/topic_admin.h"

namespace relay {
namespace {

using ::testing::ElementsAre;

// In exactly-once mode or not.
class MostKeysTest : public ParkingFixture, public ::testing::WithParamInterface<bool> {
 protected:
  std::unique_ptr<RelayProcess> Start(int most_keys = 3, const std::string& brokers = "") {
    std::vector<std::string> flags = {"--missing_topic_wait_s=0",
                                      absl::StrCat("--max_parked_keys=", most_keys)};
    if (GetParam()) flags.emplace_back("--exactly_once");
    return StartRelay(flags, brokers);
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

  const std::string missing_ = testsupport::UniqueName("relay-missing-");
};

TEST_P(MostKeysTest, WhatIsRefusedThenWaitsForAPlace) {
  MakeTopic(topic_);
  auto relay = Start();
  InsertRefused();
  InsertEvents("behind", 10);
  EventuallyParked(4);
  ExpectFull(*relay);
  EXPECT_NE(relay->log().find("no more keys may be parked"), std::string::npos);
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
  MakeTopic(topic_);
  auto relay = Start();
  InsertRefused();
  InsertEvents("behind", 10);
  EventuallyParked(4);
  ExpectFull(*relay);
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

// It was on its way to Kafka when what lies behind it was parked, and got lost.
TEST_P(MostKeysTest, WhatIsParkedBehindTheOneThatWaitsStaysInOrder) {
  const std::string other = testsupport::UniqueName("relay-other-");
  MakeTopic(topic_);
  MakeTopic(other, 1);
  KafkaProxy proxy(kafka_.brokers);
  auto relay = Start(2, proxy.address());
  Execute(Insert("gen_random_uuid()", "k2", "'1'", other));
  Read(other, 1);
  proxy.SwallowProduce();
  Execute(Insert("gen_random_uuid()", "k1", "'1'", missing_));
  Execute(Insert("gen_random_uuid()", "k2", "'2'", other));
  Execute(Insert("gen_random_uuid()", "k3", "'1'", missing_));
  Execute(Insert("gen_random_uuid()", "k1", "'2'", missing_));
  EventuallyParked(3);
  relay->Kill();
  DeleteTopic(kafka_, other);
  relay = Start(2);
  ExpectFull(*relay);
  MakeTopic(missing_, 1);
  if (GetParam()) {
    // All would come twice.
    Eventually("both are released", [&] {
      return database_.Count(
                 "SELECT count(*) FROM outbox_parked_keys WHERE released_at IS NOT NULL") == 2;
    });
    ExpectFull(*relay);
    EXPECT_EQ(relay->Stop(), 0);
    relay = Start(3);
  }
  EventuallyParked(1);
  InsertEvents("behind", 10);
  EXPECT_EQ(Read(10).size(), 10u);
  Execute(Insert("gen_random_uuid()", "last", "'1'", missing_));
  const std::vector<Received> records = Read(missing_, 4);
  EXPECT_THAT(FirstOccurrences(records).at("k1"), ElementsAre("1", "2"));
  EXPECT_TRUE(!GetParam() || records.size() == 4) << records.size();
}

INSTANTIATE_TEST_SUITE_P(, MostKeysTest, ::testing::Bool(), [](const auto& mode) {
  return std::string(mode.param ? "ExactlyOnce" : "AtLeastOnce");
});

}  // namespace
}  // namespace relay
