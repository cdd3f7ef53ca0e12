// Broken set-ups, each as `doctor` sees it and as `run` does. What needs a server of its own is in
// tests/test_relay_set_ups.py.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "outbox-relay/testing/relay_fixture.h"
#include "outbox-relay/testing/verb_run.h"
#include "outbox-relay/verbs/doctor.h"

namespace relay {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class DoctorTest : public RelayFixture {
 protected:
  VerbRun Doctor(std::vector<std::string> flags = {}, const std::string& brokers = "") {
    flags.insert(flags.begin(),
                 {"doctor", "--source=test=" + database_.relay(),
                  "--kafka_brokers=" + (brokers.empty() ? kafka_.brokers : brokers)});
    return RunVerb(flags);
  }
  // That doctor fails with `finding`, and that run logs `line`.
  void ExpectBoth(const std::string& finding, const std::string& line) {
    const VerbRun doctor = Doctor({"--quiet"});
    EXPECT_EQ(doctor.exit_code, 1) << doctor.output;
    EXPECT_THAT(doctor.output, HasSubstr(finding));
    auto relay = StartRelay();
    Eventually("run says " + line, [&] { return relay->log().find(line) != std::string::npos; });
  }
  void InsertUuidV7(const std::string& payload) {
    Execute(absl::StrCat(
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) SELECT "
        "(lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || "
        "'70008000000000000001')::uuid, 'T', 'k', 'T', ",
        payload, ", '", topic_, "'"));
  }
};

TEST_F(DoctorTest, ASoundSetUpPasses) {
  MakeSlot();
  MakeTopic(topic_);
  InsertUuidV7("'event'");
  const VerbRun run = Doctor();
  EXPECT_EQ(run.exit_code, 0) << run.output;
  EXPECT_THAT(
      run.output,
      AllOf(HasSubstr("OK   test  wal_level: logical"), HasSubstr("OK   test  role: test_relay"),
            HasSubstr("OK   test  publication: inserts into outbox, and nothing else"),
            HasSubstr("OK   test  slot: outbox_"),
            HasSubstr("OK   test  history: no relay has recorded a position yet"),
            HasSubstr("OK   test  DEFAULT partition: empty"),
            HasSubstr("OK   test  topics in use: 1 "), HasSubstr("OK   kafka  brokers: 1"),
            HasSubstr("topic " + topic_ + ": one replica"), HasSubstr(" 0 failures")));
}

TEST_F(DoctorTest, WhileARelayStreamsItSaysWho) {
  MakeSlot();
  auto relay = StartRelay();
  Eventually("it streams", [&] { return SlotActive(); });
  const VerbRun run = Doctor({"--json"});
  EXPECT_EQ(run.exit_code, 0) << run.output;
  EXPECT_THAT(run.output, HasSubstr("used by server process"));
  EXPECT_THAT(run.output, HasSubstr("a relay streams, and has compared it"));
  EXPECT_THAT(run.output, HasSubstr("{\"check\":\"slot\",\"fix\":\"\",\"level\":\"OK\","));
  EXPECT_TRUE(SlotActive()) << "doctor disturbs nobody";
}

TEST_F(DoctorTest, WrongUsageIsTwo) {
  EXPECT_EQ(RunVerb({"doctor"}).exit_code, 2);
  EXPECT_EQ(Doctor({"--json=perhaps"}).exit_code, 2);
}

TEST_F(DoctorTest, NobodyAnswers) {
  const VerbRun run =
      Doctor({"--quiet", "--source=away=postgresql://u:s3cret@127.0.0.1:1/d"}, "127.0.0.1:1");
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output, AllOf(HasSubstr("FAIL away  connection: cannot connect to Postgres"),
                                HasSubstr("FAIL kafka  brokers: 127.0.0.1:1 do not answer"),
                                HasSubstr("check --kafka_brokers"), Not(HasSubstr("s3cret"))));
}

TEST_F(DoctorTest, NoSlot) {
  ExpectBoth("FAIL test  slot: there is no replication slot outbox_", "run the `migrate` verb");
}

TEST_F(DoctorTest, ASlotOfAnotherPlugin) {
  Execute(absl::StrCat("SELECT pg_create_logical_replication_slot('outbox_", database_.name(),
                       "', 'test_decoding')"));
  ExpectBoth("plugin test_decoding", "drop that slot, if nobody uses it");
}

TEST_F(DoctorTest, ASlotOfAnotherDatabase) {
  testsupport::TestDatabase other;
  other.Ask(absl::StrCat("SELECT pg_create_logical_replication_slot('outbox_", database_.name(),
                         "', 'pgoutput')::text"));
  ExpectBoth("database " + other.name() + "; needed", "drop that slot, if nobody uses it");
}

TEST_F(DoctorTest, NoPublication) {
  MakeSlot();
  Execute("DROP PUBLICATION outbox");
  ExpectBoth("FAIL test  publication: there is no publication outbox", "CREATE PUBLICATION outbox");
}

TEST_F(DoctorTest, APublicationWithoutTheTable) {
  MakeSlot();
  Execute("ALTER PUBLICATION outbox DROP TABLE outbox");
  ExpectBoth("FAIL test  publication: the publication outbox does not have the table outbox",
             "ALTER PUBLICATION outbox ADD TABLE outbox");
}

TEST_F(DoctorTest, APublicationWithoutInserts) {
  MakeSlot();
  Execute("ALTER PUBLICATION outbox SET (publish = 'delete')");
  ExpectBoth("does not publish inserts", "ALTER PUBLICATION outbox SET (publish = 'insert')");
}

TEST_F(DoctorTest, APublicationThatSendsTooMuchOrUnderOtherNames) {
  MakeSlot();
  Execute("ALTER PUBLICATION outbox SET (publish = 'insert, update')");
  EXPECT_THAT(Doctor().output, HasSubstr("WARN test  publication: it sends updates"));
  Execute("ALTER PUBLICATION outbox SET (publish_via_partition_root = false)");
  EXPECT_THAT(Doctor().output, HasSubstr("it sends rows under their partitions' names"));
}

TEST_F(DoctorTest, ATableWithoutANeededColumn) {
  MakeSlot();
  MakeTopic(topic_);
  Execute("ALTER TABLE outbox DROP COLUMN topic");
  Execute(
      "INSERT INTO outbox (id, aggregatetype, aggregateid, type) VALUES (gen_random_uuid(), '', "
      "'', "
      "'')");
  ExpectBoth("has no column \"topic\" (text)", "has no column \\\"topic\\\" (text)");
}

TEST_F(DoctorTest, APublicationWithARowFilter) {
  MakeSlot();
  if (database_.Count("SELECT current_setting('server_version_num')::bigint") < 150'000) {
    GTEST_SKIP() << "Postgres 14 has none";
  }
  Execute("ALTER PUBLICATION outbox SET TABLE outbox WHERE (topic <> 'x')");
  ExpectBoth("FAIL test  publication: the publication outbox has a row filter",
             "ALTER PUBLICATION outbox SET TABLE outbox");
}

TEST_F(DoctorTest, APublicationOfSomeColumns) {
  MakeSlot();
  if (database_.Count("SELECT current_setting('server_version_num')::bigint") < 150'000) {
    GTEST_SKIP() << "Postgres 14 has none";
  }
  Execute(
      "ALTER PUBLICATION outbox SET TABLE outbox (id, aggregateid, type, topic, payload, headers, "
      "traceparent, created_at, seq)");
  EXPECT_THAT(Doctor().output, HasSubstr("OK   test  publication"));
  Execute(
      "ALTER PUBLICATION outbox SET TABLE outbox (id, aggregateid, type, topic, payload, seq, tx)");
  ExpectBoth("has a list of columns that lacks some", "ALTER PUBLICATION outbox SET TABLE outbox");
}

TEST_F(DoctorTest, TablesOfAnEarlierRelease) {
  MakeSlot();
  Execute("ALTER TABLE outbox_parked_keys DROP COLUMN missing_topic");
  ExpectBoth("FAIL test  outbox_parked: ", "run the `migrate` verb");
}

TEST_F(DoctorTest, NoTablesOfTheRelay) {
  MakeSlot();
  Execute("DROP TABLE outbox_relay_state, outbox_parked, outbox_parked_keys");
  ExpectBoth("FAIL test  outbox_relay_state: there is no such table", "run the `migrate` verb");
  EXPECT_THAT(Doctor().output, HasSubstr("WARN test  outbox_parked: there is no such table"));
}

TEST_F(DoctorTest, NoTable) {
  Execute("DROP TABLE outbox CASCADE");
  const VerbRun run = Doctor();
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output, HasSubstr("FAIL test  table: there is no table outbox"));
}

TEST_F(DoctorTest, ARoleThatMayNotReplicateOrRead) {
  const VerbRun run = RunVerb({"doctor", "--source=test=" + database_.service(),
                               "--kafka_brokers=" + kafka_.brokers, "--quiet"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output, AllOf(HasSubstr("as superuser: ALTER ROLE test_service REPLICATION"),
                                HasSubstr("GRANT SELECT ON outbox TO test_service"),
                                HasSubstr("FAIL test  replication:")));
  auto relay = std::make_unique<RelayProcess>(std::vector<std::string>{
      "--source=test=" + database_.service(), "--kafka_brokers=" + kafka_.brokers});
  Eventually("run says so", [&] {
    return relay->log().find("the role needs LOGIN, REPLICATION") != std::string::npos;
  });
}

TEST_F(DoctorTest, AMissingTopic) {
  MakeSlot();
  InsertUuidV7("'event'");
  ExpectBoth("FAIL kafka  topic " + topic_ + ": it does not exist", "create the topic " + topic_);
}

TEST_F(DoctorTest, AnEventThatIsTooLarge) {
  MakeSlot();
  MakeTopic(topic_);
  InsertUuidV7("convert_to(repeat('x', 2000000), 'UTF8')");
  const VerbRun run = Doctor({"--quiet"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.output, HasSubstr("an event of 1.9 MiB in the outbox is more than"));
}

TEST_F(DoctorTest, RowsInTheDefaultPartitionAndAPause) {
  MakeSlot();
  MakeTopic(topic_);
  InsertEvents("event", 3);  // their ids are of version 4
  Execute("INSERT INTO outbox_pause (paused_by, reason) VALUES ('ada', 'lunch')");
  const VerbRun run = Doctor();
  EXPECT_EQ(run.exit_code, 0) << run.output;
  EXPECT_THAT(run.output,
              AllOf(HasSubstr("WARN test  DEFAULT partition: 3 rows"),
                    HasSubstr("WARN test  pause: paused since "), HasSubstr("by ada: lunch")));
}

}  // namespace
}  // namespace relay
