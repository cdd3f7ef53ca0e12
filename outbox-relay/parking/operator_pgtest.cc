#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "libs/outbox/migrations.h"
#include "libs/testing/test_database.h"
#include "outbox-relay/parking/operator.h"

namespace relay::parked {
namespace {

// Of the topic `orders` the key "own" is parked by itself with two events, and all others together
// with three.
class OperatorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database_.Ask(
        "INSERT INTO outbox_parked_keys (topic, name, poison_id, reason, fix, system_id, "
        "commit_lsn, ordinal) VALUES ('orders', 'kown', 'o1', 'r', 'f', '1', '0/1', 0), "
        "('orders', 't', 't1', 'r', 'f', '1', '0/1', 2)");
    database_.Ask(InsertEvents("'kown'", "'{o1, o2}'"));
    database_.Ask(InsertEvents("'t'", "'{t1, t2, t3}'"));
    ASSERT_TRUE(operator_.Execute("SET lock_timeout = 1").ok());
    ASSERT_TRUE(relay_.Execute("SET lock_timeout = 1").ok());
  }
  static std::string InsertEvents(const std::string& name, const std::string& ids) {
    return absl::StrCat(
        "INSERT INTO outbox_parked (scope, era, id, topic, type, created_at, commit_lsn, ordinal) "
        "SELECT scope, 0, id, 'orders', 'T', now(), '0/1', number FROM outbox_parked_keys, unnest(",
        ids, "::text[]) WITH ORDINALITY AS e (id, number) WHERE name = ", name);
  }
  Changed DropThem(const Selection& selection, bool all_behind, bool dry_run = false) {
    const auto changed = DropEvents(
        operator_, selection, {.who = "me", .why = "a test", .all_behind = all_behind}, dry_run);
    EXPECT_TRUE(changed.ok()) << changed.status();
    return changed.value_or(Changed{});
  }
  std::string Dropped() {
    return database_.Ask(
        "SELECT string_agg(id, ' ' ORDER BY id) FROM outbox_parked WHERE dropped_at IS NOT NULL");
  }

  const Selection all_{};
  const Selection rest_{.topic = "orders", .rest_of_topic = true};
  testsupport::TestDatabase database_{
      {&postgres::PartitionMigrations(), &postgres::OutboxMigrations()}};
  postgres::Connection operator_ = *postgres::Connection::Open(database_.relay(), "test");
  postgres::Connection relay_ = *postgres::Connection::Open(database_.relay(), "test");
};

TEST_F(OperatorTest, KeysAreListedByThemselvesOrWithTheirTopic) {
  const auto keys = ListKeys(operator_, all_);
  ASSERT_TRUE(keys.ok()) << keys.status();
  ASSERT_EQ(keys->size(), 2u);
  EXPECT_EQ((*keys)[0].key, "own");
  EXPECT_FALSE((*keys)[0].rest_of_topic);
  EXPECT_EQ((*keys)[0].events, 2);
  EXPECT_EQ((*keys)[1].key, std::nullopt);
  EXPECT_TRUE((*keys)[1].rest_of_topic);
  EXPECT_EQ((*keys)[1].events, 3);
}

TEST_F(OperatorTest, ADropIsOfTheRefusedEvents) {
  const Changed dropped = DropThem(all_, /*all_behind=*/false);
  EXPECT_EQ(dropped.keys, 2);
  EXPECT_EQ(dropped.events, 2);
  EXPECT_EQ(Dropped(), "o1 t1");
  EXPECT_EQ(DropThem(all_, false).events, 0) << "again";
}

TEST_F(OperatorTest, ADryRunSaysWhatADropWouldDoAndDoesNothing) {
  for (const bool all_behind : {false, true}) {
    const Changed would = DropThem(rest_, all_behind, /*dry_run=*/true);
    EXPECT_EQ(would.keys, 1);
    EXPECT_EQ(would.events, all_behind ? 3 : 1);
  }
  EXPECT_EQ(Dropped(), "");
}

TEST_F(OperatorTest, TheRestOfATopicIsGivenUpWithoutTheKeysThatAreParkedByThemselves) {
  EXPECT_EQ(DropThem(rest_, /*all_behind=*/true).events, 3);
  EXPECT_EQ(Dropped(), "t1 t2 t3");
}

TEST_F(OperatorTest, AKeyThatIsParkedWithItsTopicIsSaid) {
  EXPECT_TRUE(DropThem({.topic = "orders", .key = "4711"}, true).with_topic);
  EXPECT_FALSE(DropThem({.topic = "others", .key = "4711"}, true).with_topic);
  const auto released = ReleaseKeys(operator_, {.topic = "orders", .key = "4711"}, "me", false);
  ASSERT_TRUE(released.ok()) << released.status();
  EXPECT_TRUE(released->with_topic);
  EXPECT_EQ(released->keys, 0);
}

TEST_F(OperatorTest, WhatIsReleasedIsNotDropped) {
  ASSERT_TRUE(ReleaseKeys(operator_, {.topic = "orders", .key = "own"}, "me", false).ok());
  const Changed dropped = DropThem(all_, /*all_behind=*/true);
  EXPECT_EQ(dropped.released_keys, 1);
  EXPECT_EQ(Dropped(), "t1 t2 t3");
}

// Neither waits: a drop of much would hold the stream, and a relay that waits for Kafka the drop.
TEST_F(OperatorTest, ADropAndARelayThatParksDoNotWaitForEachOther) {
  ASSERT_TRUE(relay_.Execute("BEGIN").ok());
  ASSERT_TRUE(relay_.Execute(InsertEvents("'t'", "'{t4}'")).ok());
  EXPECT_EQ(DropThem(rest_, /*all_behind=*/true).events, 3);
  ASSERT_TRUE(relay_.Execute("COMMIT").ok());
  ASSERT_TRUE(operator_.Execute("BEGIN").ok());
  EXPECT_EQ(DropThem(all_, /*all_behind=*/true).events, 3);
  const auto inserted = relay_.Execute(InsertEvents("'t'", "'{t5}'"));
  EXPECT_TRUE(inserted.ok()) << inserted.status();
  ASSERT_TRUE(operator_.Execute("COMMIT").ok());
  EXPECT_EQ(Dropped(), "o1 o2 t1 t2 t3 t4");
  EXPECT_EQ(database_.Count("SELECT count(scope) FROM outbox_parked"), 1);
}

// A release that comes while a drop is under way waits for it: what is dropped is not fetched.
TEST_F(OperatorTest, AReleaseWaitsForADrop) {
  ASSERT_TRUE(operator_.Execute("BEGIN").ok());
  DropThem(rest_, /*all_behind=*/true);
  EXPECT_FALSE(ReleaseKeys(relay_, rest_, "another", false).ok());
  ASSERT_TRUE(operator_.Execute("COMMIT").ok());
  EXPECT_TRUE(ReleaseKeys(relay_, rest_, "another", false).ok());
}

}  // namespace
}  // namespace relay::parked
