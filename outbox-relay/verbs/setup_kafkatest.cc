#include <gmock/gmock.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "outbox-relay/testing/relay_fixture.h"
#include "outbox-relay/testing/verb_run.h"
#include "outbox-relay/verbs/setup.h"

namespace relay {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class SetupTest : public RelayFixture {
 protected:
  VerbRun Verb(const std::string& verb, std::vector<std::string> flags = {}) {
    flags.insert(flags.begin(), {verb, "--source=test=" + database_.relay(),
                                 "--owner_database=" + database_.owner()});
    return RunVerb(flags);
  }
  int64_t Slots() const {
    return database_.Count("SELECT count(*) FROM pg_replication_slots WHERE database = '" +
                           database_.name() + "'");
  }
};

TEST_F(SetupTest, MakesWhatIsMissingAndARelayRuns) {
  Execute("DROP PUBLICATION outbox; REVOKE SELECT ON outbox FROM test_relay");
  const VerbRun dry = Verb("setup", {"--dry-run"});
  EXPECT_EQ(dry.exit_code, 0) << dry.output;
  EXPECT_THAT(dry.output, AllOf(HasSubstr("CREATE PUBLICATION outbox FOR TABLE outbox"),
                                HasSubstr("GRANT SELECT ON outbox TO \"test_relay\""),
                                HasSubstr("pg_create_logical_replication_slot('outbox_")));
  EXPECT_EQ(Slots(), 0);
  EXPECT_EQ(Verb("setup").exit_code, 0);
  EXPECT_EQ(Verb("setup").output, "test: nothing to do\n");
  MakeTopic(topic_);
  auto relay = StartRelay();
  InsertEvents("event", 10);
  EXPECT_EQ(Ids(Read(10)).size(), 10u);

  const VerbRun busy = Verb("teardown", {"--yes"});
  EXPECT_EQ(busy.exit_code, 1);
  EXPECT_THAT(busy.output, HasSubstr("a relay streams from the slot"));
  EXPECT_EQ(relay->Stop(), 0);
}

// The snapshot is kept in an idle transaction, for as long as the rows are counted.
TEST_F(SetupTest, ARoleWhoseIdleTransactionsAreEnded) {
  MakeTopic(topic_);
  EXPECT_EQ(Verb("setup").exit_code, 0);
  {
    auto relay = StartRelay();
    InsertEvents("published", 10);
    Read(10);
    EXPECT_EQ(relay->Stop(), 0);
  }
  EXPECT_EQ(Verb("teardown", {"--yes"}).exit_code, 0);
  InsertEvents("more", 50'000);
  Execute("ALTER ROLE test_relay IN DATABASE " + database_.name() +
          " SET idle_in_transaction_session_timeout = '1ms'");
  const VerbRun run = Verb("setup", {"--skip_existing_rows"});
  EXPECT_EQ(run.exit_code, 0) << run.output;
  EXPECT_THAT(run.output, HasSubstr("50010 rows of the outbox are in no stream"));
}

TEST_F(SetupTest, AnEmptyDatabaseGetsItsTable) {
  Execute(
      "DROP SCHEMA public CASCADE; DROP PUBLICATION outbox; CREATE SCHEMA public; "
      "GRANT USAGE ON SCHEMA public TO PUBLIC");
  EXPECT_THAT(Verb("setup").output, HasSubstr("pass --create_table"));
  const VerbRun run = Verb("setup", {"--create_table", "--service_role=test_service"});
  EXPECT_EQ(run.exit_code, 0) << run.output;
  EXPECT_EQ(Slots(), 1);
  MakeTopic(topic_);
  auto relay = StartRelay();
  InsertEvents("event", 10);
  EXPECT_EQ(Ids(Read(10)).size(), 10u);
}

TEST_F(SetupTest, RowsWithoutASlotAreNotSkippedInSilence) {
  InsertEvents("event", 1);
  const VerbRun run = Verb("setup");
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output, HasSubstr("has rows, which a new slot would never send"));
  EXPECT_EQ(Verb("setup", {"--skip_existing_rows"}).exit_code, 0);
}

TEST_F(SetupTest, TeardownSaysWhatIsLostAndWantsAYes) {
  MakeSlot();
  InsertEvents("event", 7);
  const VerbRun asked = Verb("teardown");
  EXPECT_EQ(asked.exit_code, 1);
  EXPECT_THAT(asked.output,
              AllOf(HasSubstr("at most 7 events"), HasSubstr("--yes does the above")));
  EXPECT_EQ(Slots(), 1);
  EXPECT_EQ(Verb("teardown", {"--yes"}).exit_code, 0);
  EXPECT_EQ(Slots(), 0);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM pg_publication"), 0);
  EXPECT_EQ(Verb("teardown", {"--yes"}).output, "test: nothing to do\n");
}

TEST_F(SetupTest, AfterATeardownItBeginsAnewAndARelayRuns) {
  MakeSlot();
  MakeTopic(topic_);
  {
    auto relay = StartRelay();
    InsertEvents("event", 10);
    Read(10);
    Eventually("all is recorded as published", [&] { return Unrecorded() == 0; });
    EXPECT_EQ(relay->Stop(), 0);
  }
  EXPECT_THAT(Verb("teardown", {"--yes"}).output, HasSubstr(" 0 events of the outbox"));
  InsertEvents("in no stream", 10);
  EXPECT_EQ(Verb("setup").exit_code, 1) << "rows that a new slot would never send";
  const VerbRun setup = Verb("setup", {"--skip_existing_rows"});
  EXPECT_EQ(setup.exit_code, 0) << setup.output;
  EXPECT_THAT(setup.output,
              AllOf(HasSubstr("20 rows of the outbox are in no stream, 10 of them not "
                              "recorded as published"),
                    HasSubstr("counts no more (generation ")));
  auto relay = StartRelay();
  InsertEvents("new", 10);
  EXPECT_EQ(Ids(Read(20)).size(), 20u);
  Eventually("nothing counts as unpublished",
             [&] { return relay->Metric("outbox_unpublished_events{source=\"test\"}") == 0; });
}

// What commits while the slot waits for open transactions is in no stream of it.
TEST_F(SetupTest, RowsCommittedWhileTheSlotIsMadeAreNotSkippedInSilence) {
  postgres::Connection writer = database_.Connect();
  ASSERT_TRUE(writer
                  .ExecuteScript("BEGIN; INSERT INTO outbox (id, aggregatetype, aggregateid, type, "
                                 "topic) VALUES (gen_random_uuid(), 'T', 'k', 'T', 't')")
                  .ok());
  VerbRun run;
  std::thread setup([&] { run = Verb("setup"); });
  Eventually("the slot waits for the writer", [&] { return Slots() == 1; });
  ASSERT_TRUE(writer.ExecuteScript("COMMIT").ok());
  setup.join();
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output,
              HasSubstr("1 rows were committed to the outbox before the slot's stream"));
  EXPECT_EQ(Slots(), 0);
}

TEST_F(SetupTest, ARoleThatMayNotSaysWhichMay) {
  Execute("DROP PUBLICATION outbox");
  const VerbRun run = RunVerb({"setup", "--source=test=" + database_.relay()});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output, HasSubstr("pass --owner_database"));
  EXPECT_EQ(RunVerb({"setup", "--source=a=" + database_.relay(), "--source=b=" + database_.relay()})
                .exit_code,
            2);
}

}  // namespace
}  // namespace relay
