#include <gmock/gmock.h>

#include "outbox-relay/testing/relay_fixture.h"
#include "outbox-relay/testing/verb_run.h"
#include "outbox-relay/verbs/status.h"

namespace relay {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class StatusVerbTest : public RelayFixture {
 protected:
  VerbRun Status(std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), {"status", "--source=test=" + database_.relay()});
    return RunVerb(flags);
  }
};

TEST_F(StatusVerbTest, WithoutARelayItTellsWhatWaits) {
  MakeSlot();
  InsertEvents("event", 3);
  const VerbRun run = Status();
  EXPECT_EQ(run.exit_code, 0) << run.output;
  EXPECT_THAT(run.output,
              AllOf(HasSubstr("lag     at most 3 events"),
                    HasSubstr("confirmed " + SlotConfirmed()), HasSubstr("relay   none streams")));
}

TEST_F(StatusVerbTest, WithARelayThatIsUpToDateTheLagIsNone) {
  MakeSlot();
  MakeTopic(topic_);
  auto relay = StartRelay();
  InsertEvents("event", 100);
  Eventually("nothing waits", [&] {
    const VerbRun run = Status({"--json"});
    return run.output.find("\"events\":0") != std::string::npos &&
           run.output.find("\"application_name\":\"outbox-relay\"") != std::string::npos;
  });
  EXPECT_EQ(relay->Metric("outbox_published_events_total{source=\"test\"}"), 100);
}

TEST_F(StatusVerbTest, WhatARelayHasRecordedTellsTheLagWhenItIsDead) {
  MakeSlot();
  MakeTopic(topic_);
  auto relay = StartRelay();
  InsertEvents("event", 100);
  Eventually("all is recorded as published", [&] {
    return database_.Count(
               "SELECT count(*) FROM outbox, (SELECT coalesce(nullif((SELECT details FROM "
               "outbox_relay_state)::json ->> 'snapshot', ''), '1:1:')::pg_snapshot AS s) state "
               "WHERE NOT pg_visible_in_snapshot(tx, s)") == 0;
  });
  EXPECT_EQ(relay->Stop(), 0);
  InsertEvents("later", 3);
  EXPECT_THAT(Status().output, HasSubstr("lag     3 events"));
}

// The last that a relay does is to record; what it recorded then the slot does not hear.
TEST_F(StatusVerbTest, WhatIsRecordedCountsThoughTheSlotHasNotHeardOfIt) {
  MakeSlot();
  InsertEvents("event", 100);
  Execute(
      "INSERT INTO outbox_relay_state (slot, generation, system_id, timeline, confirmed, details) "
      "SELECT 'outbox_' || current_database(), 1, system_identifier::text, 1, at, "
      "json_build_object('version', 1, 'source', 'test', 'slot', 'outbox_' || current_database(), "
      "'generation', 1, 'system_id', system_identifier::text, 'timeline', 1, 'confirmed', "
      "at::text, "
      "'snapshot', pg_current_snapshot()::text, 'snapshot_at', at::text, 'published_up_to_seq', "
      "-1, "
      "'offsets', json_build_object(), 'samples', json_build_array())::text "
      "FROM pg_control_system(), pg_current_wal_insert_lsn() at");
  InsertEvents("later", 3);
  EXPECT_THAT(Status().output, HasSubstr("lag     3 events"));
}

TEST_F(StatusVerbTest, OneDatabaseThatIsAwayDoesNotHideTheOther) {
  MakeSlot();
  const VerbRun run = Status({"--source=away=postgresql://nobody:secret@127.0.0.1:1/nowhere"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output, AllOf(HasSubstr("test\n  lag     0 events"),
                                HasSubstr("away\n  error   cannot connect to Postgres")));
  EXPECT_THAT(run.output, ::testing::Not(HasSubstr("secret")));
}

TEST_F(StatusVerbTest, AMissingSlotAndAMissingTableAreNamed) {
  EXPECT_THAT(Status().output, HasSubstr("outbox_" + database_.name() + " does not exist"));
  Execute("DROP TABLE outbox CASCADE");
  EXPECT_THAT(Status().output, HasSubstr("no table outbox: run the service's `migrate` verb"));
}

}  // namespace
}  // namespace relay
