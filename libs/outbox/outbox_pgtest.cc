#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/outbox/migrations.h"
#include "libs/outbox/outbox.h"
#include "libs/postgres/sql_error.h"
#include "libs/testing/test_database.h"

namespace outbox {
namespace {

class OutboxTest : public testing::Test {
 protected:
  static Event SomeEvent(std::string key) {
    return {.aggregatetype = "ORDER_CREATION",
            .aggregateid = std::move(key),
            .type = "product.v1.ReserveStock",
            .payload = std::string("\0\xff", 2),
            .topic = "t"};
  }

  testsupport::TestDatabase database_{
      {&postgres::PartitionMigrations(), &postgres::OutboxMigrations()}};
};

TEST_F(OutboxTest, EventsLeaveWithTheTransactionInOrder) {
  auto connection = *postgres::Connection::Open(database_.service(), "test");
  Outbox outbox;
  {
    auto transaction = postgres::Transaction::Begin(connection);
    outbox.Add(SomeEvent("lost"));
    ASSERT_TRUE(outbox.Flush(*transaction).ok());
  }
  auto transaction = postgres::Transaction::Begin(connection);
  for (const char* key : {"c", "a", "b"}) outbox.Add(SomeEvent(key));
  absl::Status flushed = outbox.Flush(*transaction);
  ASSERT_TRUE(flushed.ok()) << flushed;
  ASSERT_TRUE(transaction->Commit().ok());
  EXPECT_EQ(database_.Ask("SELECT string_agg(aggregateid, '' ORDER BY seq) FROM outbox"), "cab");
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox WHERE payload = '\\x00ff'"), 3);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox_default"), 0);
}

TEST_F(OutboxTest, HeadersAndNullsArriveAsTheyWere) {
  auto connection = *postgres::Connection::Open(database_.service(), "test");
  Outbox outbox;
  Event event = SomeEvent("k");
  event.payload = std::nullopt;
  event.traceparent = "00-1-2-01";
  event.headers = {{"a\"b\\", "line\nbreak\x01"}, {"가", ""}};
  outbox.Add(event);
  auto transaction = postgres::Transaction::Begin(connection);
  ASSERT_TRUE(outbox.Flush(*transaction).ok());
  ASSERT_TRUE(transaction->Commit().ok());
  EXPECT_EQ(database_.Ask("SELECT headers->>'a\"b\\' FROM outbox"), "line\nbreak\x01");
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox WHERE payload IS NULL AND headers ? '가' "
                            "AND traceparent = '00-1-2-01'"),
            1);
}

TEST_F(OutboxTest, AnEventThatKafkaWouldRefuseIsADataFaultAndNothingIsWritten) {
  auto connection = *postgres::Connection::Open(database_.service(), "test");
  Event event = SomeEvent("k");
  event.headers = {{"name", "value"}};
  event.payload = std::string();
  event.payload = std::string(kMaxEventBytes - RecordBytes(event), 'x');
  Outbox outbox;
  outbox.Add(event);
  auto transaction = postgres::Transaction::Begin(connection);
  EXPECT_TRUE(outbox.Flush(*transaction).ok()) << "just what fits";
  event.payload->push_back('x');
  outbox.Add(SomeEvent("small"));
  outbox.Add(event);
  const absl::Status refused = outbox.Flush(*transaction);
  EXPECT_TRUE(postgres::IsDataFault(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("product.v1.ReserveStock"));
  outbox.Clear();
  ASSERT_TRUE(transaction->Commit().ok()) << "the transaction is not spoiled";
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox"), 1);
}

TEST_F(OutboxTest, TheServiceMayOnlyInsert) {
  auto connection = *postgres::Connection::Open(database_.service(), "test");
  for (const char* sql : {"DELETE FROM outbox", "UPDATE outbox SET topic = 'x'", "TRUNCATE outbox",
                          "SELECT partitions_create_ahead('outbox', 9)"}) {
    EXPECT_EQ(connection.Execute(sql).status().code(), absl::StatusCode::kPermissionDenied) << sql;
  }
}

// The tables belong to the owner, and a service knows nothing of parked events.
TEST_F(OutboxTest, TheRelayMayParkAndTheServiceMayNot) {
  auto relay = *postgres::Connection::Open(database_.relay(), "test");
  const absl::Status parked = relay.ExecuteScript(R"sql(
    INSERT INTO outbox_parked_keys (topic, name, poison_id, reason, fix)
      VALUES ('t', 'kone', 'a', 'too large', 'raise it');
    INSERT INTO outbox_parked (scope, id, topic, key, type, created_at, era, commit_lsn, ordinal)
      SELECT scope, id, 't', 'one', 'T', now(), 0, '0/1', 0
        FROM outbox_parked_keys, (VALUES ('a'), ('b')) events (id);
    UPDATE outbox_parked SET dropped_at = now(), dropped_by = 'me', dropped_why = 'x' WHERE id = 'a';
    DELETE FROM outbox_parked WHERE dropped_at IS NULL;
    DELETE FROM outbox_parked_keys;
  )sql");
  ASSERT_TRUE(parked.ok()) << parked;
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox_parked WHERE scope IS NULL"), 1);
  for (const char* sql : {"TRUNCATE outbox_parked", "UPDATE outbox_parked SET payload = ''"}) {
    EXPECT_EQ(relay.Execute(sql).status().code(), absl::StatusCode::kPermissionDenied) << sql;
  }
  auto service = *postgres::Connection::Open(database_.service(), "test");
  EXPECT_EQ(service.Execute("SELECT FROM outbox_parked").status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(OutboxTest, AParkedKeyIsNotForgottenWhileItHasEvents) {
  const std::string park =
      "WITH key AS (INSERT INTO outbox_parked_keys (topic, name, poison_id, reason, fix) "
      "VALUES ('t', 'kone', 'a', 'r', 'f') RETURNING scope) SELECT scope FROM key";
  const int64_t scope = database_.Count(park);
  auto owner = database_.Connect();
  ASSERT_TRUE(
      owner
          .Execute("INSERT INTO outbox_parked (scope, id, topic, key, type, created_at, era, "
                   "commit_lsn, ordinal) VALUES ($1, 'a', 't', 'one', 'T', now(), 0, '0/1', 0)",
                   postgres::Params().Int64(scope))
          .ok());
  EXPECT_EQ(owner.Execute("DELETE FROM outbox_parked_keys").status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace outbox
