#include <gtest/gtest.h>

#include "libs/outbox/migrations.h"
#include "libs/testing/test_database.h"
#include "outbox-relay/parking/parked_at_start.h"
#include "outbox-relay/parking/release.h"

namespace relay {
namespace {

// A key of topic t that is released.
class ReleaseTest : public ::testing::Test {
 protected:
  void Load() {
    ASSERT_TRUE(
        parked::Load(connection_, "1", [&](ParkedKey key) { keys_.Put(std::move(key)); }).ok());
    release_.OnKeysLoaded();
    release_.Refresh();
  }
  postgres::Result Execute(const parked::Query& query) {
    auto result = connection_.Execute(query.sql, query.params);
    EXPECT_TRUE(result.ok()) << result.status();
    return *std::move(result);
  }
  void Step(const Release::ParkedSoFar& so_far = {}) {
    const auto query = release_.Next(/*may_begin=*/true, so_far);
    ASSERT_TRUE(query);
    release_.OnAnswer(Execute(*query));
    release_.Publish(*sink_, /*may_give=*/true, Release::Clock::now());
  }
  // Parks the key `k` from an earlier event on, as far as its row.
  void ParkAnew() {
    const Event earlier{.id = "e1", .aggregate_id = "k", .type = "T", .topic = "t"};
    keys_.Park(earlier, {Lsn{1}, 0}, {.reason = "no such topic", .missing_topic = true});
    ParkBatch batch;
    batch.Open(keys_.key());
    ASSERT_TRUE(parked::TakeScopes(Execute(parked::OpenKeys(batch, "1", 0)), batch));
    release_.OnKeyOpened(keys_.key());
  }

  testsupport::TestDatabase database_{
      {&postgres::PartitionMigrations(), &postgres::OutboxMigrations()}};
  postgres::Connection connection_ = *postgres::Connection::Open(database_.relay(), "test");
  ParkedKeys keys_;
  Release release_{"test", keys_};
  std::unique_ptr<Producer> sink_ = *Producer::Create({.kafka = {.brokers = "127.0.0.1:1"}});
};

// Else it stayed in memory without being in the table, and counted among the most keys for ever.
TEST_F(ReleaseTest, AKeyThatIsParkedAnewMeanwhileIsForgottenWithItsRow) {
  // Listed, and its event has not come by again.
  database_.Ask(
      "INSERT INTO outbox_parked_keys (topic, name, poison_id, reason, fix, whole_topic, "
      "released_at, released_by) VALUES ('t', 'kk', 'e2', 'r', 'f', false, now(), 'x')");
  Load();
  Step();  // who is released
  ParkAnew();
  Step();  // nothing is there
  Step();  // nor is anything left
  Step();
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox_parked_keys"), 0);
  EXPECT_TRUE(keys_.empty());
}

// It may lie in front of what is in the table, and the key is not forgotten before it is.
TEST_F(ReleaseTest, WhatIsOnItsWayIntoTheTableIsWaitedFor) {
  database_.Ask(
      "INSERT INTO outbox_parked_keys (topic, name, poison_id, reason, fix, whole_topic, "
      "system_id, "
      "commit_lsn, ordinal, released_at, released_by) "
      "VALUES ('t', 'kk', 'e2', 'r', 'f', false, '1', '0/2', 0, now(), 'x')");
  Load();
  EXPECT_FALSE(release_.Next(/*may_begin=*/false, {}));
  Step({.taken = 1, .written = 0});
  EXPECT_FALSE(release_.Next(true, {.taken = 1, .written = 0}));
  Step({.taken = 2, .written = 1});
  EXPECT_TRUE(release_.holds_stream(0)) << "what comes now would never end";
  EXPECT_FALSE(release_.Next(true, {.taken = 2, .written = 1}));
  Step({.taken = 2, .written = 2});
  EXPECT_FALSE(release_.Next(true, {.taken = 3, .written = 2}));
  Step({.taken = 3, .written = 3});
  EXPECT_TRUE(keys_.empty());
}

// A stop in the middle of a transaction: it has to be read to its end, else its first part comes
// again.
TEST_F(ReleaseTest, AStopEndsWhatTheStreamIsHeldFor) {
  database_.Ask(
      "INSERT INTO outbox_parked_keys (topic, name, poison_id, reason, fix, system_id, commit_lsn, "
      "ordinal, released_at, released_by) "
      "VALUES ('t', 'kk', 'e2', 'r', 'f', '1', '0/2', 0, now(), 'x')");
  Load();
  Step();
  Step();
  EXPECT_TRUE(release_.holds_stream(0)) << "its last lap";
  release_.WindUp();
  EXPECT_FALSE(release_.holds_stream(1'000'000));
  EXPECT_TRUE(release_.at_rest());
  EXPECT_FALSE(release_.Next(true, {}));
  // A pause, and then a resume.
  release_.Forget();
  Load();
  Step();
  Step();
  Step();
  EXPECT_TRUE(release_.holds_stream(0)) << "it is being forgotten: nothing may be parked behind it";
  Step();
  EXPECT_TRUE(keys_.empty());
}

// No broker answers: other topics' events do not wait for it, and it is tried again.
TEST_F(ReleaseTest, ATopicThatCannotBePublishedToHoldsNothingUp) {
  database_.Ask(
      "WITH key AS (INSERT INTO outbox_parked_keys (topic, name, poison_id, reason, fix, "
      "system_id, commit_lsn, ordinal, released_at, released_by) "
      "VALUES ('t', 'kk', 'e2', 'r', 'f', '1', '0/2', 0, now(), 'x') RETURNING scope) "
      "INSERT INTO outbox_parked (scope, era, id, topic, key, type, created_at, commit_lsn, "
      "ordinal) SELECT scope, 0, 'e2', 't', 'k', 'T', now(), '0/2', 0 FROM key");
  Load();
  Step();
  EXPECT_TRUE(release_.holds_stream(1'000'000)) << "it grows faster than it is released";
  Step();
  EXPECT_TRUE(release_.idle());
  EXPECT_FALSE(release_.holds_stream(1'000'000));
  ASSERT_TRUE(release_.due());
  release_.Publish(*sink_, /*may_give=*/true, *release_.due());
  Step();  // who is released
  EXPECT_FALSE(release_.idle());
}

// What its key, topic, type and headers have counts, too: a lap is in memory.
TEST_F(ReleaseTest, ALapHasAMiBOfWhateverItIs) {
  database_.Ask(
      "WITH key AS (INSERT INTO outbox_parked_keys (topic, name, poison_id, reason, fix, "
      "system_id, commit_lsn, ordinal, released_at, released_by) "
      "VALUES ('t', 'kk', 'e', 'r', 'f', '1', '0/2', 0, now(), 'x') RETURNING scope) "
      "INSERT INTO outbox_parked (scope, era, id, topic, key, type, traceparent, created_at, "
      "commit_lsn, ordinal) SELECT scope, 0, 'e' || i, 't', repeat('k', 100000), repeat('T', "
      "100000), repeat('p', 100000), now(), '0/2', i FROM key, generate_series(1, 20) i");
  Load();
  Step();
  const auto fetch = release_.Next(true, {});
  ASSERT_TRUE(fetch);
  EXPECT_EQ(Execute(*fetch).rows(), 3);
}

}  // namespace
}  // namespace relay
