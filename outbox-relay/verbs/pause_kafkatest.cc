#include <gmock/gmock.h>

#include "outbox-relay/source/lsn.h"
#include "outbox-relay/testing/port_forward.h"
#include "outbox-relay/testing/relay_fixture.h"
#include "outbox-relay/testing/verb_run.h"
#include "outbox-relay/verbs/pause.h"

namespace relay {
namespace {

using ::testing::HasSubstr;

class PauseTest : public RelayFixture {
 protected:
  PauseTest() {
    MakeSlot();
    MakeTopic(topic_);
  }
  VerbRun Verb(const std::string& verb, std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), {verb, "--source=test=" + database_.relay()});
    return RunVerb(flags);
  }
  static constexpr char kPaused[] = "outbox_relay_paused{source=\"test\"}";
};

TEST_F(PauseTest, NothingIsPublishedUntilResume) {
  auto relay = StartRelay();
  InsertEvents("before", 10);
  Read(10);
  const VerbRun paused = Verb("pause", {"--reason=Kafka upgrade", "--by=ada"});
  EXPECT_EQ(paused.exit_code, 0) << paused.output;
  EXPECT_THAT(paused.output, HasSubstr("test paused; no relay streams"));
  EXPECT_FALSE(SlotActive());
  InsertEvents("during", 10);
  EXPECT_EQ(relay->Metric(kPaused), 1);
  EXPECT_EQ(relay->Metric("outbox_relay_active{source=\"test\"}"), 0);
  EXPECT_THAT(relay->Get("/readyz"), HasSubstr("ok test"));
  EXPECT_EQ(relay->Metric("outbox_published_events_total{source=\"test\"}"), 10);

  const VerbRun resumed = Verb("resume");
  EXPECT_EQ(resumed.output, "test resumed\n");
  EXPECT_EQ(Ids(Read(20)).size(), 20u);
  Eventually("the metric falls", [&] { return relay->Metric(kPaused) == 0; });
  EXPECT_THAT(relay->log(), HasSubstr("Kafka upgrade"));
  EXPECT_EQ(relay->Stop(), 0);
}

TEST_F(PauseTest, OutlivesTheRelayAndHoldsForWhoeverComes) {
  Verb("pause");
  InsertEvents("event", 10);
  auto first = StartRelay();
  Eventually("it knows", [&] { return first->Metric(kPaused) == 1; });
  first->Kill();
  auto second = StartRelay();
  Eventually("the next one knows too", [&] {
    return second->Metric(kPaused) == 1 &&
           second->Get("/readyz").find("ok test") != std::string::npos;
  });
  EXPECT_FALSE(SlotActive());
  EXPECT_EQ(second->Metric("outbox_relay_stream_starts_total{source=\"test\"}"), 0);
  Verb("resume");
  EXPECT_EQ(Ids(Read(10)).size(), 10u);
}

TEST_F(PauseTest, ConfirmsNothingThatIsNotPublished) {
  const std::string before = SlotConfirmed();
  // Brokers that refuse: what the relay takes stays with it.
  PortForward closed(kafka_.brokers);
  auto relay = StartRelay({"--drain_timeout_s=3"}, closed.address());
  Eventually("it streams", [&] { return SlotActive(); });
  InsertEvents("event", 100);
  const absl::StatusOr<Lsn> inserted = ParseLsn(database_.Ask("SELECT pg_current_wal_lsn()::text"));
  const VerbRun paused = Verb("pause");
  EXPECT_EQ(paused.exit_code, 0) << paused.output;
  const absl::StatusOr<Lsn> confirmed = ParseLsn(SlotConfirmed());
  ASSERT_TRUE(inserted.ok() && confirmed.ok());
  EXPECT_LT(*confirmed, *inserted);
  relay->Kill();
  auto next = StartRelay();
  Verb("resume");
  EXPECT_EQ(Ids(Read(100)).size(), 100u);
}

TEST_F(PauseTest, TheSameAgainDoesNoHarm) {
  EXPECT_EQ(Verb("resume").output, "test is not paused\n");
  EXPECT_EQ(Verb("pause", {"--by=ada", "--reason=lunch"}).exit_code, 0);
  const VerbRun again = Verb("pause", {"--by=eve"});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.output, HasSubstr("test is paused already since "));
  EXPECT_THAT(again.output, HasSubstr("by ada: lunch"));
  EXPECT_EQ(Verb("resume").exit_code, 0);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox_pause"), 0);
}

TEST_F(PauseTest, SaysTheFixWhereThereIsNoTable) {
  Execute("DROP TABLE outbox_pause");
  const VerbRun run = Verb("pause");
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output, HasSubstr("run the service's `migrate` verb"));
  auto relay = StartRelay();  // and such a database is simply not paused
  Eventually("it streams", [&] { return SlotActive(); });
}

}  // namespace
}  // namespace relay
