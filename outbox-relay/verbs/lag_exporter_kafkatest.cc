#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "outbox-relay/testing/relay_fixture.h"
#include "outbox-relay/verbs/lag_exporter.h"

namespace relay {
namespace {

using ::testing::HasSubstr;

class LagExporterTest : public RelayFixture {
 protected:
  LagExporterTest() {
    MakeSlot();
    MakeTopic(topic_);
  }
  // As a role that may see nothing but the lag.
  std::unique_ptr<RelayProcess> StartExporter() {
    Execute(
        "DO $$ BEGIN PERFORM pg_advisory_xact_lock(4711); CREATE ROLE test_lag LOGIN; "
        "EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
        "GRANT SELECT (tx, created_at) ON outbox TO test_lag; GRANT SELECT ON outbox_pause, "
        "outbox_parked_keys TO test_lag");
    return std::make_unique<RelayProcess>(std::vector<std::string>{
        "lag-exporter", "--source=test=" + testsupport::ConninfoFor(database_.owner(),
                                                                    database_.name(), "test_lag")});
  }
  static double Value(const RelayProcess& exporter, const std::string& name) {
    return exporter.Metric(name + "{source=\"test\"}");
  }
};

TEST_F(LagExporterTest, AnEmptyOutboxExportsZero) {
  auto exporter = StartExporter();
  Eventually("it answers", [&] { return Value(*exporter, "outbox_unpublished_events") == 0; });
  EXPECT_EQ(Value(*exporter, "outbox_oldest_unpublished_age_seconds"), 0);
  EXPECT_EQ(Value(*exporter, "outbox_slot_active"), 0);
  EXPECT_EQ(Value(*exporter, "outbox_slot_usable"), 1);
  EXPECT_EQ(Value(*exporter, "outbox_relay_paused"), 0);
  EXPECT_EQ(Value(*exporter, "outbox_parked_keys"), 0);
  EXPECT_THAT(exporter->Get("/readyz"), HasSubstr("ok test"));
  EXPECT_THAT(exporter->Get("/healthz"), HasSubstr("ok"));
  EXPECT_EQ(exporter->Stop(), 0);
}

TEST_F(LagExporterTest, RisesWhenTheRelayIsDeadAndFallsWhenItIsBack) {
  auto exporter = StartExporter();
  auto relay = StartRelay();
  InsertEvents("first", 10);
  Eventually("all is published", [&] {
    return Value(*exporter, "outbox_slot_active") == 1 &&
           Value(*exporter, "outbox_unpublished_events") == 0;
  });
  relay->Kill();
  InsertEvents("second", 10);
  Eventually("it sees just these", [&] {
    return Value(*exporter, "outbox_unpublished_events") == 10 &&
           Value(*exporter, "outbox_slot_active") == 0;
  });
  const double age = Value(*exporter, "outbox_oldest_unpublished_age_seconds");
  Eventually("the age rises",
             [&] { return Value(*exporter, "outbox_oldest_unpublished_age_seconds") > age; });
  EXPECT_GT(Value(*exporter, "outbox_slot_unconfirmed_wal_bytes"), 0);
  relay = StartRelay();
  Eventually("it falls", [&] { return Value(*exporter, "outbox_unpublished_events") == 0; });
}

TEST_F(LagExporterTest, TellsOfTheLogsBudgetAndParkedKeysWithoutARelay) {
  auto exporter = StartExporter();
  Eventually("it answers", [&] { return Value(*exporter, "outbox_parked_keys") == 0; });
  // 10 GiB: the test's server has no limit.
  EXPECT_EQ(Value(*exporter, "outbox_wal_budget_bytes"), 10'737'418'240.0);
  EXPECT_LT(Value(*exporter, "outbox_wal_budget_used_ratio"), 1);
  Execute(
      "INSERT INTO outbox_parked_keys (topic, name, poison_id, reason, fix) "
      "VALUES ('topic', 'kkey', 'id', 'reason', 'fix')");
  Eventually("it counts them", [&] { return Value(*exporter, "outbox_parked_keys") == 1; });
}

TEST_F(LagExporterTest, OutlivesALostConnection) {
  auto exporter = StartExporter();
  Eventually("it answers", [&] { return Value(*exporter, "outbox_database_up") == 1; });
  Execute(absl::StrCat("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '",
                       database_.name(), "' AND application_name = 'outbox-relay lag-exporter'"));
  InsertEvents("event", 3);
  Eventually("it goes on", [&] {
    return Value(*exporter, "outbox_unpublished_events") == 3 &&
           Value(*exporter, "outbox_database_up") == 1;
  });
}

TEST_F(LagExporterTest, AMissingRightIsNamedWithTheFix) {
  auto exporter = StartExporter();
  Eventually("it answers", [&] { return Value(*exporter, "outbox_database_up") == 1; });
  Execute(
      "REVOKE ALL ON outbox FROM test_lag; REVOKE SELECT (tx, created_at) ON outbox FROM "
      "test_lag");
  Eventually("it says so", [&] {
    return exporter->Get("/readyz").find("GRANT SELECT (tx, created_at)") != std::string::npos;
  });
}

}  // namespace
}  // namespace relay
