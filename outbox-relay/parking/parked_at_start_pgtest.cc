#include <gtest/gtest.h>

#include "libs/outbox/migrations.h"
#include "libs/testing/test_database.h"
#include "outbox-relay/parking/parked_at_start.h"

namespace relay::parked {
namespace {

// Each of its keys would cost a producer, and the whole source a new session.
TEST(ParkedAtStartTest, KeysOfAMissingTopicAreHeldOnceItIsThereAndRefuses) {
  testsupport::TestDatabase database{
      {&postgres::PartitionMigrations(), &postgres::OutboxMigrations()}};
  database.Ask(
      "INSERT INTO outbox_parked_keys (topic, name, poison_id, reason, fix, whole_topic, "
      "missing_topic, system_id, commit_lsn, ordinal, released_at, released_by) "
      "SELECT 'forbidden', 'k' || i, 'e' || i, 'no such topic', 'make it', true, true, '1', '0/1', "
      "i, CASE WHEN i < 3 THEN now() END, CASE WHEN i < 3 THEN 'x' END FROM generate_series(1, 4) "
      "i");
  auto connection = postgres::Connection::Open(database.relay(), "test");
  ASSERT_TRUE(connection.ok()) << connection.status();
  EXPECT_EQ(PutOnList(*connection, {.kind = PublishFailure::Kind::kRefused,
                                    .event_id = "e1",
                                    .topic = "forbidden",
                                    .key = "1",
                                    .whole_topic = true,
                                    .reason = "not authorised"}),
            absl::OkStatus());
  EXPECT_EQ(database.Count("SELECT count(*) FROM outbox_parked_keys WHERE released_at IS NULL AND "
                           "NOT missing_topic"),
            4);
}

}  // namespace
}  // namespace relay::parked
