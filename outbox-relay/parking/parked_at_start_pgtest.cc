#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "libs/outbox/migrations.h"
#include "libs/testing/test_database.h"
#include "outbox-relay/parking/parked_at_start.h"
#include "outbox-relay/parking/parked_table.h"

namespace relay::parked {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

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

// The stream waits at 0/A, row 3. Of which keys nothing can come by any more.
TEST(ParkedAtStartTest, WhichReleasesMayBeginBeforeTheStreamHasPassedAll) {
  testsupport::TestDatabase database{
      {&postgres::PartitionMigrations(), &postgres::OutboxMigrations()}};
  const auto key = [&](const char* name, const char* from, int era = 0) {
    database.Ask(absl::StrCat(
        "INSERT INTO outbox_parked_keys (topic, name, poison_id, reason, fix, whole_topic, "
        "system_id, commit_lsn, ordinal, era, released_at, released_by) VALUES ('t', '",
        name, "', 'e', 'r', 'f', false, ", from, ", ", era, ", now(), 'x')"));
  };
  const auto row = [&](const char* name, const char* lsn, int ordinal, bool dropped = false) {
    database.Ask(absl::StrCat(
        "INSERT INTO outbox_parked (scope, era, id, topic, type, created_at, commit_lsn, ordinal, "
        "dropped_at, dropped_by, dropped_why) SELECT scope, 0, gen_random_uuid()::text, 't', 'T', "
        "now(), '",
        lsn, "', ", ordinal, dropped ? ", now(), 'x', 'y'" : ", NULL, NULL, NULL",
        " FROM outbox_parked_keys WHERE name = '", name, "'"));
  };
  key("k: before", "'1', '0/5', 3");
  row("k: before", "0/5", 3);
  row("k: before", "0/A", 2);
  key("k: across", "'1', '0/5', 3");
  row("k: across", "0/5", 3);
  row("k: across", "0/A", 4);
  key("k: dropped behind", "'1', '0/5', 3");
  row("k: dropped behind", "0/5", 3);
  row("k: dropped behind", "0/B", 0, true);
  key("k: behind", "'1', '0/B', 3");
  row("k: behind", "0/B", 3);
  key("k: behind, without rows", "'1', '0/B', 3");
  key("k: awaited", "NULL, NULL, NULL");
  row("k: awaited", "0/5", 3);
  key("k: awaited, without rows", "NULL, NULL, NULL");
  key("k: of an earlier era", "'1', '0/0', 3", 1);
  row("k: of an earlier era", "0/B", 3);
  key("k: not released", "'1', '0/5', 3");
  database.Ask(
      "UPDATE outbox_parked_keys SET released_at = NULL, released_by = NULL "
      "WHERE name = 'k: not released'");
  auto connection = postgres::Connection::Open(database.relay(), "test");
  ASSERT_TRUE(connection.ok()) << connection.status();
  const auto ask = [&](const Query& query) {
    auto answer = connection->Execute(query.sql, query.params);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? ReleasedOf(*answer) : Released();
  };
  const Released before = ask(ReleasedKeysBefore({Lsn{0xA}, 3}, Lsn{0x9}));
  std::vector<std::string> names;
  for (const int64_t scope : before.scopes) {
    names.push_back(
        database.Ask(absl::StrCat("SELECT name FROM outbox_parked_keys WHERE scope = ", scope)));
  }
  EXPECT_THAT(names,
              UnorderedElementsAre("k: before", "k: dropped behind", "k: behind, without rows",
                                   "k: awaited, without rows", "k: of an earlier era"));
  EXPECT_EQ(before.left_out, 3);
  ASSERT_EQ(before.dropped.size(), 1u);
  EXPECT_EQ(before.dropped[0].id,
            database.Ask("SELECT id FROM outbox_parked WHERE dropped_at IS NOT NULL"));
  EXPECT_EQ(before.dropped[0].at, (StreamPosition{Lsn{0xB}, 0}));
  EXPECT_THAT(ask(ReleasedKeysBefore({Lsn{0xA}, 3}, Lsn{0xC})).dropped, IsEmpty());
  const Released all = ask(ReleasedKeys());
  EXPECT_EQ(all.scopes.size(), 8u);
  EXPECT_EQ(all.left_out, 0);
}

}  // namespace
}  // namespace relay::parked
