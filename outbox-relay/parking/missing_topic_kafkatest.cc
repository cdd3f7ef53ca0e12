// Topics that do not exist: what is parked for one flows by itself as soon as it does.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "outbox-relay/testing/parking_fixture.h"
#include "outbox-relay/testing/topic_admin.h"

namespace relay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MissingTopicTest : public ParkingFixture {
 protected:
  std::string Insert(const std::string& key, const std::string& payload, const std::string& topic) {
    return ParkingFixture::Insert("gen_random_uuid()", key, payload, topic);
  }

  const std::string missing_ = testsupport::UniqueName("relay-missing-");
};

TEST_F(MissingTopicTest, AMissingTopicIsWaitedForThenItsEventsAreParkedUntilItIsThere) {
  MakeTopic(topic_);
  auto relay = StartRelay({"--missing_topic_wait_s=2"});
  Execute(Insert("k", "'first'", missing_));
  Eventually("it waits", [&] { return Gauge(*relay, "outbox_missing_topic_wait_seconds") > 0; });
  Execute(absl::StrCat(Insert("k", "'second'", missing_), Insert("other", "'third'", missing_)));
  InsertEvents("flows", 10);
  EXPECT_EQ(Read(10).size(), 10u);
  EventuallyParked(3);
  EXPECT_EQ(ParkedKeys(), 2);
  EXPECT_EQ(Gauge(*relay, "outbox_missing_topic_wait_seconds"), 0);
  EXPECT_EQ(Gauge(*relay, "outbox_missing_topics"), 1);
  // Another relay knows why they are parked.
  relay->Kill();
  relay = StartRelay({"--missing_topic_wait_s=2"});
  InsertEvents("more", 10);
  Read(20);
  MakeTopic(missing_, 1);
  EXPECT_THAT(FirstOccurrences(Read(missing_, 3)).at("k"), ElementsAre("first", "second"));
  EventuallyNothingParked();
  Eventually("it says that all is well",
             [&] { return Gauge(*relay, "outbox_missing_topics") == 0; });
  Execute(Insert("k", "'third'", missing_));
  EXPECT_THAT(FirstOccurrences(Read(missing_, 4)).at("k"), ElementsAre("first", "second", "third"));
}

TEST_F(MissingTopicTest, ATopicThatIsNeverMadeIsGivenUpByAnOperator) {
  MakeTopic(topic_);
  auto relay = StartRelay({"--missing_topic_wait_s=0"});
  Execute(Insert("k", "'first'", missing_));
  EventuallyParked(1);
  Eventually("it counts as missing", [&] { return Gauge(*relay, "outbox_missing_topics") == 1; });
  Parked("drop", {"--topic=" + missing_, "--reason=a typo"});
  EXPECT_THAT(Parked("release", {"--topic=" + missing_, "--dry_run"}).output,
              HasSubstr("would release 1 keys with 0 events"));
  Parked("release", {"--topic=" + missing_});
  EventuallyNothingParked();
  Eventually("nothing waits for it", [&] { return Gauge(*relay, "outbox_missing_topics") == 0; });
}

TEST_F(MissingTopicTest, ATopicDeletedWhileRunningIsWaitedForAndParked) {
  MakeTopic(topic_);
  const std::string other = testsupport::UniqueName("relay-other-");
  MakeTopic(other, 1);
  auto relay = StartRelay(
      {"--missing_topic_wait_s=1", "--kafka_property=topic.metadata.propagation.max.ms=500"});
  Execute(Insert("k", "'before'", other));
  Read(other, 1);
  DeleteTopic(kafka_, other);
  Execute(Insert("k", "'after'", other));
  InsertEvents("flows", 10);
  Read(10);
  EventuallyParked(1);
  MakeTopic(other, 1);
  EXPECT_THAT(FirstOccurrences(Read(other, 1)).at("k"), ElementsAre("after"));
}

TEST_F(MissingTopicTest, ATopicThatNoNameCanBeIsParkedAtOnce) {
  MakeTopic(topic_);
  auto relay = StartRelay();
  Execute(Insert("k", "'x'", "not a topic!"));
  InsertEvents("flows", 10);
  Read(10);
  EventuallyParked(1);
}

// It was held again as missing, in memory, while what was released beside it left the table.
TEST_F(MissingTopicTest, OneThatIsMadeWhileItsKeyIsHeldFlowsAllTheSame) {
  MakeTopic(topic_, 1);
  {
    auto relay =
        StartRelay({"--missing_topic_wait_s=0", "--kafka_property=message.max.bytes=50000"});
    Execute(Insert("k", "'1'", missing_) + Insert("k", kRandom100k, topic_));
    EventuallyParked(2);
    EXPECT_EQ(relay->Stop(), 0);
  }
  // A wait for a lock would be given up.
  Execute(
      "CREATE TABLE gate AS SELECT 1; GRANT SELECT ON gate TO PUBLIC; "
      "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "WHILE EXISTS (SELECT FROM gate) LOOP PERFORM pg_sleep(0.01); END LOOP; "
      "RETURN old; END $$;"
      "CREATE TRIGGER wait BEFORE DELETE ON outbox_parked FOR EACH ROW EXECUTE FUNCTION wait()");
  auto relay = StartRelay({"--missing_topic_wait_s=0"});
  Parked("release", {"--all"});
  const auto logged = [&](const char* what) {
    return relay->log().find(what) != std::string::npos;
  };
  Eventually("it is held", [&] { return logged("a released key is parked again"); });
  MakeTopic(missing_, 1);
  Eventually("it is found", [&] { return logged("a topic that was missing is there"); });
  Execute("DELETE FROM gate");
  EventuallyNothingParked();
  EXPECT_EQ(Read(missing_, 1).size(), 1u);
}

}  // namespace
}  // namespace relay
