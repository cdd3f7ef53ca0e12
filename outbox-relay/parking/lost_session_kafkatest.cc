// What was being parked or released when a session ended is done anew, not gone on with: nobody
// knows what became of it, and another relay may have done it.
#include <gmock/gmock.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/kafka/admin.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/testing/kafka_proxy.h"
#include "outbox-relay/testing/parking_fixture.h"

namespace relay {
namespace {

using ::testing::ElementsAre;

class LostSessionTest : public ParkingFixture {
 protected:
  std::string InsertValue(const std::string& payload) {
    return Insert("gen_random_uuid()", "k", payload, topic_);
  }
  void MakeSmallTopic() {
    const kafka::TopicSpec spec{
        .name = topic_, .partitions = 1, .config = {{"max.message.bytes", "20000"}}};
    ASSERT_EQ(kafka::EnsureTopics(kafka_, {&spec, 1}), absl::OkStatus());
  }
  void GiveUp() {
    Parked("drop", {"--all", "--reason=a test"});
    Parked("release", {"--all"});
  }
  std::vector<std::string> ValuesOf(size_t enough) {
    std::vector<std::string> values;
    for (const Received& record : Read(enough)) values.push_back(record.value.value_or(""));
    return values;
  }
};

// The broker refuses an event, and when it comes by again its key's place is written: that place
// was known to the relay's memory only, which went on with it.
TEST_F(LostSessionTest, WhileAKeysPlaceIsWritten) {
  MakeSmallTopic();
  Execute(
      "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "IF new.commit_lsn IS NOT NULL THEN PERFORM pg_advisory_xact_lock_shared(1); END IF; "
      "RETURN new; END $$;"
      "CREATE TRIGGER wait BEFORE UPDATE ON outbox_parked_keys FOR EACH ROW "
      "EXECUTE FUNCTION wait()");
  postgres::Connection gate = database_.Connect();
  ASSERT_TRUE(gate.Execute("SELECT pg_advisory_lock(1)").ok());
  auto relay = StartRelay();
  Execute(InsertValue(kRandom100k));
  Eventually("the place is written, and the session ended", [&] {
    return database_.Count(
               "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' "
               "AND objid = 1 AND NOT granted AND database = (SELECT oid FROM pg_database WHERE "
               "datname = current_database())") > 0;
  });
  ASSERT_TRUE(gate.Execute("SELECT pg_advisory_unlock(1)").ok());
  EventuallyParked(1);
  Execute(InsertValue("'2'") + InsertValue("'3'"));
  EventuallyParked(3);
  GiveUp();
  Execute(InsertValue("'4'"));
  EXPECT_THAT(ValuesOf(3), ElementsAre("2", "3", "4"));
}

// It has fetched what was released, and finds itself with the slot again long after another relay
// has published it.
TEST_F(LostSessionTest, WhatARelayHadInHandIsNotPublishedLater) {
  MakeTopic(topic_, 1);
  const std::vector<std::string> small = {"--kafka_property=message.max.bytes=50000"};
  {
    auto relay = StartRelay(small);
    Execute(InsertValue(kRandom100k) + InsertValue("'1'") + InsertValue(kRandom100k) +
            InsertValue("'3'"));
    EventuallyParked(4);
    relay->Stop();
  }
  Parked("drop", {"--all", "--reason=a test"});
  KafkaProxy proxy(kafka_.brokers);
  auto first = StartRelay({}, proxy.address());
  Eventually("it streams", [&] { return SlotActive(); });
  proxy.SwallowProduce();
  Parked("release", {"--all"});
  Eventually("it has fetched them, and nothing arrives", [&] {
    return database_.Count(
               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
               "application_name = 'outbox-relay parking' AND state = 'idle' AND "
               "query LIKE '%row_number()%'") == 1;
  });
  first->Freeze();
  auto second = StartRelay(small);
  database_.Ask(
      "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active AND "
      "database = current_database()");
  Eventually("the other one finds what it cannot send", [&] {
    return ParkedEvents() == 2 &&
           database_.Count(
               "SELECT count(*) FROM outbox_parked_keys WHERE released_at IS NOT NULL") == 0;
  });
  const size_t before = first->log().size();
  first->Thaw();
  Eventually("the first one stands by",
             [&] { return first->log().find("waiting as standby", before) != std::string::npos; });
  GiveUp();
  EventuallyNothingParked();
  EXPECT_THAT(ValuesOf(2), ElementsAre("1", "3"));
  proxy.SwallowProduce(false);
  second->Stop();
  Eventually("the first one streams again", [&] { return SlotActive(); });
  Execute(InsertValue("'4'"));
  Read(3);
  EXPECT_EQ(first->Stop(), 0);
  EXPECT_THAT(ValuesOf(3), ElementsAre("1", "3", "4"));
}

// Kafka has an event when the stop comes, and answers later.
TEST_F(LostSessionTest, AStopInTheMiddleOfAReleaseRepeatsNothing) {
  KafkaProxy proxy(kafka_.brokers);
  auto relay = StartRelay({"--missing_topic_wait_s=0"}, proxy.address());
  InsertEvents("e", 100);
  EventuallyParked(100);
  proxy.HoldAnswers();
  MakeTopic(topic_, 1);
  Read(1);
  {
    std::jthread stopping([&] { EXPECT_EQ(relay->Stop(), 0); });
    Eventually("it stops",
               [&] { return relay->log().find("stopping: waiting") != std::string::npos; });
    proxy.HoldAnswers(false);
  }
  EXPECT_GT(ParkedEvents(), 0);
  relay = StartRelay();
  EventuallyNothingParked();
  EXPECT_EQ(Read(100).size(), 100u);
}

// What it was refused, and could not write down, another relay has parked and an operator given up.
TEST_F(LostSessionTest, WhatAnotherRelayHasSettledIsNotListedAnew) {
  MakeSmallTopic();
  auto first = StartRelay();
  Execute(InsertValue("'1'"));
  Read(1);
  database_.Ask("REVOKE CONNECT ON DATABASE " + database_.name() + " FROM PUBLIC, test_relay");
  Execute(InsertValue(kRandom100k));
  Eventually("it was refused, and cannot connect", [&] {
    const size_t refused = first->log().find("parking its key from there on");
    return refused != std::string::npos &&
           first->log().find("not streaming", refused) != std::string::npos;
  });
  first->Freeze();
  database_.Ask("GRANT CONNECT ON DATABASE " + database_.name() + " TO PUBLIC, test_relay");
  auto second = StartRelay();
  EventuallyParked(1);
  GiveUp();
  EventuallyNothingParked();
  Execute(InsertValue("'3'"));
  Read(2);
  EXPECT_EQ(second->Stop(), 0);
  first->Thaw();
  Execute(InsertValue("'4'"));
  EXPECT_THAT(ValuesOf(3), ElementsAre("1", "3", "4"));
  EXPECT_EQ(ParkedKeys(), 0);
}

// One released event arrives, and the next one costs the producer.
TEST_F(LostSessionTest, WhatIsAtKafkaIsNotHeldWithTheNextOne) {
  auto relay = StartRelay({"--missing_topic_wait_s=0"});
  Execute(InsertValue("'1'") + InsertValue(kRandom100k) + InsertValue("'3'"));
  EventuallyParked(3);
  MakeSmallTopic();
  Eventually("the second is refused", [&] {
    return database_.Count("SELECT count(*) FROM outbox_parked_keys WHERE NOT missing_topic") == 1;
  });
  EventuallyParked(2);
  GiveUp();
  EventuallyNothingParked();
  Execute(InsertValue("'4'"));
  EXPECT_THAT(ValuesOf(3), ElementsAre("1", "3", "4"));
}

// The next one never gets to the broker. What is held may be dropped: by then the first has left
// the table.
TEST_F(LostSessionTest, WhatIsAtKafkaLeavesTheTableBeforeItsKeyIsHeld) {
  auto relay = StartRelay({"--missing_topic_wait_s=0", "--kafka_property=message.max.bytes=50000"});
  Execute(InsertValue("'1'") + InsertValue(kRandom100k) + InsertValue("'3'"));
  EventuallyParked(3);
  Execute(
      "CREATE TABLE seen AS SELECT 0::bigint AS parked LIMIT 0;"
      "CREATE FUNCTION look() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN "
      "IF old.released_at IS NOT NULL AND new.released_at IS NULL THEN "
      "INSERT INTO seen SELECT count(*) FROM outbox_parked; END IF; RETURN new; END $$;"
      "CREATE TRIGGER look BEFORE UPDATE ON outbox_parked_keys FOR EACH ROW "
      "EXECUTE FUNCTION look()");
  MakeTopic(topic_, 1);
  Eventually("it is held", [&] { return database_.Count("SELECT count(*) FROM seen") == 1; });
  EXPECT_EQ(database_.Count("SELECT parked FROM seen"), 2);
  GiveUp();
  EXPECT_THAT(ValuesOf(2), ElementsAre("1", "3"));
  EventuallyNothingParked();
}

}  // namespace
}  // namespace relay
