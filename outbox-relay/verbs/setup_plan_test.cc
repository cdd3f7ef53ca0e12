#include "outbox-relay/verbs/setup_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Sql(const absl::StatusOr<std::vector<Step>>& steps) {
  std::vector<std::string> sql;
  if (!steps.ok()) return {std::string(steps.status().message())};
  for (const Step& step : *steps) sql.push_back(step.sql);
  return sql;
}

DatabaseState Complete() {
  return {
      .database = "shop",
      .relay_role = "shop_relay",
      .wal_level = "logical",
      .has_table = true,
      .relay_may_read = true,
      .publication = {.exists = true, .has_outbox = true, .sends_inserts = true, .via_root = true},
      .has_slot = true,
      .slot_type = "logical",
      .slot_plugin = "pgoutput",
      .slot_database = "shop"};
}

TEST(SetupPlanTest, WhereAllIsThereNothingIsDone) {
  EXPECT_THAT(Sql(PlanSetup(Complete(), {})), ElementsAre());
}

TEST(SetupPlanTest, ThePublicationComesBeforeTheSlot) {
  DatabaseState state = Complete();
  state.publication = {};
  state.has_slot = state.relay_may_read = false;
  state.relay_role = "re\"lay";
  EXPECT_THAT(Sql(PlanSetup(state, {})),
              ElementsAre("CREATE PUBLICATION outbox FOR TABLE outbox WITH (publish = 'insert', "
                          "publish_via_partition_root = true)",
                          "GRANT SELECT ON outbox TO \"re\"\"lay\"",
                          "SELECT pg_create_logical_replication_slot('outbox_shop', "
                          "'pgoutput')::text"));
}

TEST(SetupPlanTest, AWrongPublicationIsMended) {
  DatabaseState state = Complete();
  state.publication.outbox_is_partitioned = true;
  state.publication.has_outbox = state.publication.via_root = false;
  EXPECT_THAT(Sql(PlanSetup(state, {})),
              ElementsAre("ALTER PUBLICATION outbox ADD TABLE outbox",
                          "ALTER PUBLICATION outbox SET (publish = 'insert', "
                          "publish_via_partition_root = true)"));
}

// Relays would stop and ask whether rows were left out.
TEST(SetupPlanTest, APublicationThatSendsTooMuchIsAlteredOnlyBeforeThereIsASlot) {
  DatabaseState state = Complete();
  state.publication.sends_more = true;
  EXPECT_THAT(Sql(PlanSetup(state, {})), ElementsAre());
  state.has_slot = false;
  EXPECT_THAT(Sql(PlanSetup(state, {})),
              ElementsAre("ALTER PUBLICATION outbox SET (publish = 'insert', "
                          "publish_via_partition_root = true)",
                          HasSubstr("pg_create_logical_replication_slot")));
}

// Its rows have the table's own name anyway.
TEST(SetupPlanTest, ATableWithoutPartitionsNeedsNoRoot) {
  DatabaseState state = Complete();
  state.publication.via_root = false;
  EXPECT_THAT(Sql(PlanSetup(state, {})), ElementsAre());
}

TEST(SetupPlanTest, RefusesWithAReason) {
  DatabaseState state = Complete();
  state.has_slot = false;
  state.has_rows = true;
  EXPECT_THAT(Sql(PlanSetup(state, {})), ElementsAre(HasSubstr("--skip_existing_rows")));
  EXPECT_EQ(Sql(PlanSetup(state, {.skip_existing_rows = true})).size(), 1u);
  state = Complete();
  state.slot_plugin = "test_decoding";
  EXPECT_THAT(Sql(PlanSetup(state, {})), ElementsAre(HasSubstr("plugin test_decoding")));
  EXPECT_THAT(Sql(PlanTeardown(state)), ElementsAre(HasSubstr("not ours")));
  state = Complete();
  state.wal_level = "replica";
  EXPECT_THAT(Sql(PlanSetup(state, {})), ElementsAre(HasSubstr("wal_level = logical")));
  state = Complete();
  state.has_table = false;
  EXPECT_THAT(Sql(PlanSetup(state, {})), ElementsAre(HasSubstr("--create_table")));
  EXPECT_THAT(Sql(PlanSetup(state, {.create_table = true})),
              ElementsAre(HasSubstr("DROP PUBLICATION outbox")));
}

TEST(SetupPlanTest, TeardownLeavesARelayAtWorkAlone) {
  DatabaseState state = Complete();
  EXPECT_THAT(Sql(PlanTeardown(state)),
              ElementsAre("SELECT pg_drop_replication_slot('outbox_shop')::text",
                          "DROP PUBLICATION outbox"));
  state.active_pid = 7;
  EXPECT_THAT(Sql(PlanTeardown(state)), ElementsAre(HasSubstr("a relay streams")));
  state = {};
  EXPECT_THAT(Sql(PlanTeardown(state)), ElementsAre());
}

}  // namespace
}  // namespace relay
