#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "libs/outbox/migrations.h"
#include "libs/outbox/slot.h"
#include "libs/testing/test_database.h"

namespace outbox {
namespace {

using testing::HasSubstr;

class SlotTest : public testing::Test {
 protected:
  testsupport::TestDatabase database_{
      {&postgres::PartitionMigrations(), &postgres::OutboxMigrations()}};
  postgres::Connection service_ = *postgres::Connection::Open(database_.service(), "test");
  postgres::Connection relay_ = *postgres::Connection::Open(database_.relay(), "test");
};

TEST_F(SlotTest, IsMadeOnceByTheRelaysRole) {
  EXPECT_THAT(CheckSlot(service_).message(), HasSubstr("does not exist"));
  auto first = CreateSlot(relay_);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(*first);
  EXPECT_FALSE(*CreateSlot(relay_));
  EXPECT_TRUE(CheckSlot(service_).ok());
}

TEST_F(SlotTest, SurvivesAFailoverWherePostgresCan) {
  ASSERT_TRUE(CreateSlot(relay_).ok());
  if (PQserverVersion(relay_.raw()) < 170000) GTEST_SKIP() << "needs Postgres 17";
  EXPECT_EQ(database_.Ask("SELECT failover::text FROM pg_replication_slots WHERE slot_name = '" +
                          SlotName(database_.name()) + "'"),
            "true");
}

TEST(SlotStatementTest, AsksForAFailoverSlotFrom17On) {
  EXPECT_EQ(CreateSlotStatement("outbox_it's", 160011),
            "SELECT pg_create_logical_replication_slot('outbox_it''s', 'pgoutput')::text");
  EXPECT_EQ(CreateSlotStatement("outbox_a", 170000),
            "SELECT pg_create_logical_replication_slot('outbox_a', 'pgoutput', failover => "
            "true)::text");
}

TEST_F(SlotTest, IsNeverMadeOverRowsInSilence) {
  database_.Count(
      "INSERT INTO outbox (id, aggregatetype, aggregateid, type, topic) "
      "VALUES (gen_random_uuid(), '', '', '', '') RETURNING 1");
  EXPECT_THAT(CreateSlot(relay_).status().message(), HasSubstr("has rows"));
}

TEST_F(SlotTest, TheServiceMayNotReplicate) {
  auto made = service_.Execute(absl::StrCat("SELECT pg_create_logical_replication_slot('",
                                            SlotName(database_.name()), "', 'pgoutput')::text"));
  EXPECT_EQ(made.status().code(), absl::StatusCode::kPermissionDenied) << made.status();
}

}  // namespace
}  // namespace outbox
