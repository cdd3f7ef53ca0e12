#include <gmock/gmock.h>

#include "libs/outbox/migrations.h"
#include "outbox-relay/testing/kafka_proxy.h"
#include "outbox-relay/testing/port_forward.h"
#include "outbox-relay/testing/relay_fixture.h"
#include "outbox-relay/testing/verb_run.h"

namespace relay {
namespace {

using ::testing::HasSubstr;

class LivenessTest : public RelayFixture {
 protected:
  LivenessTest() { MakeSlot(); }

  void EventuallySays(const RelayProcess& relay, const std::string& text) {
    Eventually("/healthz says " + text,
               [&] { return relay.Get("/healthz").find(text) != std::string::npos; });
  }
  // What it has to send has waited longer than any --stall_timeout_s here.
  void EventuallyWaitsFor(double seconds, const RelayProcess& relay) {
    Eventually("its events have waited", [&] {
      return relay.Metric("outbox_oldest_unpublished_age_seconds{source=\"test\"}") > seconds;
    });
  }
};

TEST_F(LivenessTest, AStallWithoutAReasonFailsAndOnlyThat) {
  MakeTopic(topic_, 1);
  KafkaProxy broker(kafka_.brokers);
  testsupport::TestDatabase idle({&postgres::PartitionMigrations(), &postgres::OutboxMigrations()});
  ASSERT_EQ(idle.Ask("SELECT pg_create_logical_replication_slot('outbox_" + idle.name() +
                     "', 'pgoutput')::text")
                .empty(),
            false);
  auto relay =
      StartRelay({"--stall_timeout_s=3", "--source=idle=" + idle.relay()}, broker.address());
  Eventually("it streams", [&] { return SlotActive(); });
  auto standby = StartRelay({"--stall_timeout_s=3"});
  EXPECT_THAT(relay->Get("/healthz"), HasSubstr("ok test"));
  InsertEvents("before", 10);
  EXPECT_EQ(Ids(Read(10)).size(), 10u);
  EXPECT_THAT(relay->Get("/healthz"), HasSubstr("ok test"));
  broker.SwallowProduce();
  InsertEvents("event", 10);
  EventuallySays(*relay, "failed test: there are events to send");
  EXPECT_THAT(relay->Get("/healthz"), HasSubstr("ok idle"));
  EXPECT_THAT(standby->Get("/healthz"), HasSubstr("ok test"));

  // A pause is a reason.
  RunVerb({"pause", "--source=test=" + database_.relay(), "--wait_s=0"});
  EventuallySays(*relay, "ok test");
}

TEST_F(LivenessTest, AKafkaThatIsAwayIsAReason) {
  PortForward closed(kafka_.brokers);
  auto relay = StartRelay({"--stall_timeout_s=1"}, closed.address());
  InsertEvents("event", 10);
  Eventually("it says what it waits for",
             [&] { return relay->log().find("no Kafka broker answers") != std::string::npos; });
  EventuallyWaitsFor(3, *relay);
  EXPECT_THAT(relay->Get("/healthz"), HasSubstr("ok test"));
}

TEST_F(LivenessTest, AMissingTopicIsAReason) {
  auto relay = StartRelay({"--stall_timeout_s=1"});
  InsertEvents("event", 10);
  Eventually("it says what it waits for",
             [&] { return relay->log().find("UNKNOWN_TOPIC_OR_PART") != std::string::npos; });
  EventuallyWaitsFor(3, *relay);
  EXPECT_THAT(relay->Get("/healthz"), HasSubstr("ok test"));
  MakeTopic(topic_);
  EXPECT_EQ(Ids(Read(10)).size(), 10u);
}

}  // namespace
}  // namespace relay
