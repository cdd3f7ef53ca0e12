#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "libs/outbox/migrations.h"
#include "libs/testing/test_database.h"
#include "outbox-relay/heal/parked_order.h"

namespace relay {
namespace {

using ::testing::ElementsAre;

// Of what is parked 1, 2 and 5 are in the outbox still, 3 is not.
TEST(ParkedOrderTest, WhatIsParkedKeepsItsOrderWhenHealingBegins) {
  const testsupport::TestDatabase database(
      {&postgres::PartitionMigrations(), &postgres::OutboxMigrations()});
  postgres::Connection connection = *postgres::Connection::Open(database.relay(), "test");
  database.Ask(
      "INSERT INTO outbox_parked_keys (topic, name, poison_id, reason, fix, system_id, commit_lsn, "
      "ordinal) SELECT 't', name, 'e', 'r', 'f', '1', '0/1', 0 FROM unnest('{ka, kb}'::text[]) "
      "name");
  database.Ask(
      "INSERT INTO outbox (id, aggregatetype, aggregateid, type, topic, seq) OVERRIDING SYSTEM "
      "VALUE "
      "SELECT md5(i::text)::uuid, 'T', 'a', 'T', 't', i FROM unnest('{1, 2, 5, 7}'::int[]) i");
  database.Ask(
      "INSERT INTO outbox_parked (scope, era, id, topic, type, created_at, commit_lsn, ordinal) "
      "SELECT scope, 0, md5(i::text)::uuid::text, 't', 'T', now(), '0/9', 10 * i "
      "FROM outbox_parked_keys, unnest('{7, 5, 3, 2, 1}'::int[]) i "
      "WHERE (name = 'kb') = (i = 7)");
  const auto order = [&] {
    return database.Ask(
        "SELECT string_agg(i::text, ' ' ORDER BY p.scope, era, commit_lsn, ordinal) "
        "FROM outbox_parked p JOIN generate_series(1, 9) i ON id = md5(i::text)::uuid::text");
  };
  const std::string before = order();
  EXPECT_EQ(before, "1 2 3 5 7");
  EXPECT_EQ(BeginEra(connection, "2"), absl::OkStatus());
  EXPECT_EQ(order(), before);
  EXPECT_EQ(database.Count("SELECT sum(ordinal)::bigint FROM outbox_parked WHERE era = 1"), 5 + 7);
  const auto first = LoadFirstParked(connection);
  ASSERT_TRUE(first.ok()) << first.status();
  std::vector<int64_t> seqs;
  for (const auto& [scope, seq] : *first) seqs.push_back(seq);
  std::sort(seqs.begin(), seqs.end());
  EXPECT_THAT(seqs, ElementsAre(0, 7));
}

}  // namespace
}  // namespace relay
