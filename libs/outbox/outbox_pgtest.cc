#include <gtest/gtest.h>

#include "libs/outbox/migrations.h"
#include "libs/outbox/outbox.h"
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

TEST_F(OutboxTest, TheServiceMayOnlyInsert) {
  auto connection = *postgres::Connection::Open(database_.service(), "test");
  for (const char* sql : {"DELETE FROM outbox", "UPDATE outbox SET topic = 'x'", "TRUNCATE outbox",
                          "SELECT partitions_create_ahead('outbox', 9)"}) {
    EXPECT_EQ(connection.Execute(sql).status().code(), absl::StatusCode::kPermissionDenied) << sql;
  }
}

}  // namespace
}  // namespace outbox
