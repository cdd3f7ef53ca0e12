#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "libs/outbox/migrations.h"
#include "libs/testing/test_database.h"
#include "outbox-relay/parking/parked_at_start.h"

namespace relay::parked {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ParkedAtStartTest : public ::testing::Test {
 protected:
  void PutOnList(const std::string& topic, const std::string& key, bool whole_topic = false,
                 size_t most_keys = 10) {
    EXPECT_EQ(parked::PutOnList(connection_,
                                {.kind = PublishFailure::Kind::kRefused,
                                 .event_id = "e" + key,
                                 .topic = topic,
                                 .key = key,
                                 .whole_topic = whole_topic,
                                 .reason = "not authorised"},
                                most_keys),
              absl::OkStatus());
  }
  std::string Names() {
    return database_.Ask(
        "SELECT string_agg(topic || '/' || name, ' ' ORDER BY topic, name) FROM "
        "outbox_parked_keys");
  }

  testsupport::TestDatabase database_{
      {&postgres::PartitionMigrations(), &postgres::OutboxMigrations()}};
  postgres::Connection connection_ = *postgres::Connection::Open(database_.relay(), "test");
};

TEST_F(ParkedAtStartTest, TablesOfAnEarlierReleaseAreSaid) {
  EXPECT_EQ(CheckTables(connection_), absl::OkStatus());
  database_.Ask("REVOKE UPDATE (ordinal) ON outbox_parked FROM test_relay");
  const absl::Status role = CheckTables(connection_);
  EXPECT_EQ(role.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(role.message(), HasSubstr("the role may not write"));
  EXPECT_THAT(role.message(), HasSubstr("`migrate` verb"));
  database_.Ask(
      "ALTER TABLE outbox_parked_keys RENAME CONSTRAINT outbox_parked_keys_place TO "
      "outbox_parked_keys_check");
  EXPECT_THAT(CheckTables(connection_).message(), HasSubstr("of an earlier release"));
  database_.Ask("ALTER TABLE outbox_parked_keys DROP COLUMN missing_topic");
  EXPECT_EQ(CheckTables(connection_).code(), absl::StatusCode::kFailedPrecondition);
  database_.Ask("DROP TABLE outbox_parked, outbox_parked_keys");
  EXPECT_EQ(CheckTables(connection_).code(), absl::StatusCode::kNotFound);
}

// Each of its keys would cost a producer, and the whole source a new session.
TEST_F(ParkedAtStartTest, KeysOfAMissingTopicAreHeldOnceItIsThereAndRefuses) {
  database_.Ask(
      "INSERT INTO outbox_parked_keys (topic, name, poison_id, reason, fix, whole_topic, "
      "missing_topic, system_id, commit_lsn, ordinal, released_at, released_by) "
      "SELECT 'forbidden', 'k' || i, 'e' || i, 'no such topic', 'make it', true, true, '1', '0/1', "
      "i, CASE WHEN i < 3 THEN now() END, CASE WHEN i < 3 THEN 'x' END FROM generate_series(1, 4) "
      "i");
  PutOnList("forbidden", "1", /*whole_topic=*/true);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox_parked_keys WHERE released_at IS NULL AND "
                            "NOT missing_topic"),
            4);
}

TEST_F(ParkedAtStartTest, BeyondTheMostKeysATopicIsListed) {
  PutOnList("t", "1", false, 2);
  PutOnList("t", "2", false, 2);
  PutOnList("t", "3", false, 2);
  EXPECT_EQ(Names(), "t/k1 t/k2 t/t");
  PutOnList("t", "2", false, 2);    // has its own
  PutOnList("t", "4", false, 100);  // its events may be parked with the topic's
  PutOnList("other", "1", false, 2);
  EXPECT_EQ(Names(), "other/t t/k1 t/k2 t/t");
  EXPECT_EQ(database_.Ask("SELECT poison_id FROM outbox_parked_keys WHERE topic || name = 'tt'"),
            "e4");
}

// It was refused again, and the database restored into another cluster before it came by.
TEST_F(ParkedAtStartTest, WhatIsParkedOfAListedKeyStaysInFrontOfAnotherClustersLog) {
  database_.Ask(
      "WITH key AS (INSERT INTO outbox_parked_keys (topic, name, poison_id, reason, fix, "
      "system_id, commit_lsn, ordinal) VALUES ('t', 'kk', 'e', 'r', 'f', '1', '0/9', 0) RETURNING "
      "scope) INSERT INTO outbox_parked (scope, era, id, topic, type, created_at, commit_lsn, "
      "ordinal) SELECT scope, 0, 'e1', 't', 'T', now(), '0/9', 0 FROM key");
  PutOnList("t", "k");
  const auto from = [&](const std::string& system_id) {
    std::optional<StreamPosition> place;
    const auto last = Load(connection_, system_id, [&](const ParkedKey& key) {
      EXPECT_TRUE(key.awaiting_poison);
      place = key.from;
    });
    EXPECT_TRUE(last.ok()) << last.status();
    return place;
  };
  EXPECT_EQ(from("1"), (StreamPosition{Lsn{9}, 0}));
  EXPECT_EQ(from("2"), (StreamPosition{Lsn{0}, 0}));
  EXPECT_EQ(*CountEvents(connection_), 1);
}

TEST_F(ParkedAtStartTest, WhatWasGivenUpIsKnownAsFarAsItMayComeBy) {
  database_.Ask(
      "INSERT INTO outbox_parked (era, id, topic, type, created_at, commit_lsn, ordinal, "
      "dropped_at, dropped_by, dropped_why) "
      "SELECT 0, 'e' || i, 't', 'T', now(), ('0/' || i)::pg_lsn, 0, now(), 'x', 'y' "
      "FROM generate_series(1, 4) i");
  const auto dropped = LoadDropped(connection_, Lsn{2}, Lsn{3});
  ASSERT_TRUE(dropped.ok()) << dropped.status();
  std::vector<std::string> ids;
  for (const Dropped& event : *dropped) ids.push_back(event.id);
  std::sort(ids.begin(), ids.end());
  EXPECT_THAT(ids, ElementsAre("e2", "e3"));
}

}  // namespace
}  // namespace relay::parked
