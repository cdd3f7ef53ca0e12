#include <gtest/gtest.h>

#include "libs/outbox/migrations.h"
#include "libs/testing/test_database.h"
#include "outbox-relay/parking/parked_at_start.h"
#include "outbox-relay/parking/release.h"

namespace relay {
namespace {

// Else it stayed in memory without being in the table, and took a place that nobody could free.
TEST(ReleaseTest, AKeyThatIsParkedAnewMeanwhileIsForgottenWithItsRow) {
  testsupport::TestDatabase database{
      {&postgres::PartitionMigrations(), &postgres::OutboxMigrations()}};
  // Listed, and its event has not come by again.
  database.Ask(
      "INSERT INTO outbox_parked_keys (topic, name, poison_id, reason, fix, whole_topic, "
      "released_at, released_by) VALUES ('t', 'kk', 'e2', 'r', 'f', false, now(), 'x')");
  auto connection = postgres::Connection::Open(database.relay(), "test");
  ASSERT_TRUE(connection.ok()) << connection.status();
  const auto execute = [&](const parked::Query& query) {
    auto result = connection->Execute(query.sql, query.params);
    EXPECT_TRUE(result.ok()) << result.status();
    return *std::move(result);
  };
  ParkedKeys keys;
  ASSERT_TRUE(parked::Load(*connection, "1", Lsn{}, {}, [&](ParkedKey key) {
                keys.Put(std::move(key));
              }).ok());
  Release release("test", keys);
  release.OnKeysLoaded();
  release.Refresh();
  auto sink = Producer::Create({.kafka = {.brokers = "127.0.0.1:1"}});
  ASSERT_TRUE(sink.ok()) << sink.status();
  const auto step = [&] {
    const auto query = release.Next(parked::ReleasedKeys(), {});
    ASSERT_TRUE(query);
    release.OnAnswer(execute(*query));
    release.Publish(**sink, Release::Clock::now());
  };
  step();  // who is released
  const Event earlier{.id = "e1", .aggregate_id = "k", .type = "T", .topic = "t"};
  keys.Park(earlier, {Lsn{1}, 0}, {.reason = "no such topic", .missing_topic = true});
  ParkBatch batch;
  batch.Open(keys.key());
  ASSERT_TRUE(parked::TakeScopes(execute(parked::OpenKeys(batch, "1", 0)), batch));
  release.OnKeyOpened(keys.key());
  step();  // nothing is there
  step();  // nor is anything left
  step();
  EXPECT_EQ(database.Count("SELECT count(*) FROM outbox_parked_keys"), 0);
  EXPECT_TRUE(keys.empty());
}

}  // namespace
}  // namespace relay
