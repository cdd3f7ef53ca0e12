// The Postgres side: positions that move on when nothing is to be sent, and set-ups that are
// broken.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "outbox-relay/source/lsn.h"
#include "outbox-relay/testing/relay_fixture.h"

namespace relay {
namespace {

using ::testing::HasSubstr;

class SourceTest : public RelayFixture {
 protected:
  void EventuallyLogs(const RelayProcess& relay, const std::string& text) {
    Eventually("the log says " + text, [&] { return relay.log().find(text) != std::string::npos; });
  }
};

TEST_F(SourceTest, WritesToOtherTablesMoveTheSlotOn) {
  MakeSlot();
  auto relay = StartRelay();
  Eventually("it streams", [&] { return SlotActive(); });
  Execute("CREATE TABLE other (i int)");
  for (int round = 0; round < 3; ++round) {
    Execute("INSERT INTO other SELECT generate_series(1, 10000)");
    const absl::StatusOr<Lsn> written =
        ParseLsn(database_.Ask("SELECT pg_current_wal_lsn()::text"));
    ASSERT_TRUE(written.ok());
    Eventually("the slot has confirmed it", [&] {
      const absl::StatusOr<Lsn> confirmed = ParseLsn(SlotConfirmed());
      return confirmed.ok() && *confirmed >= *written;
    });
  }
  Eventually("an empty outbox is no lag", [&] {
    return relay->Metric("outbox_unpublished_events{source=\"test\"}") == 0 &&
           relay->Metric("outbox_oldest_unpublished_age_seconds{source=\"test\"}") == 0;
  });
}

TEST_F(SourceTest, AMissingSlotIsNamedWithTheFixAndWaitedFor) {
  auto relay = StartRelay();
  EventuallyLogs(*relay, "there is no replication slot outbox_" + database_.name());
  EXPECT_THAT(relay->log(), HasSubstr("run the `migrate` verb"));
  EXPECT_THAT(relay->Get("/readyz"), HasSubstr("failed test: there is no replication slot"));
  MakeSlot();
  Eventually("it streams", [&] { return SlotActive(); });
}

TEST_F(SourceTest, AMissingPublicationIsNamedWithTheFix) {
  MakeSlot();
  Execute("DROP PUBLICATION outbox");
  auto relay = StartRelay();
  EventuallyLogs(*relay, "there is no publication outbox");
  EXPECT_FALSE(SlotActive());
}

TEST_F(SourceTest, APublicationWithoutTableOrInsertsIsNamedWithTheFix) {
  MakeSlot();
  Execute("ALTER PUBLICATION outbox DROP TABLE outbox");
  auto relay = StartRelay();
  EventuallyLogs(*relay, "ALTER PUBLICATION outbox ADD TABLE outbox");
  Execute(
      "ALTER PUBLICATION outbox ADD TABLE outbox; ALTER PUBLICATION outbox SET (publish = "
      "'delete')");
  EventuallyLogs(*relay, "ALTER PUBLICATION outbox SET (publish = 'insert')");
}

TEST_F(SourceTest, ATableWithoutANeededColumnIsNamedWithTheFix) {
  MakeSlot();
  MakeTopic(topic_);
  Execute("ALTER TABLE outbox RENAME COLUMN topic TO destination");
  auto relay = StartRelay();
  Execute(
      absl::StrCat("INSERT INTO outbox (id, aggregatetype, aggregateid, type, destination) VALUES "
                   "(gen_random_uuid(), 'T', 'k', 'T', '",
                   topic_, "')"));
  EventuallyLogs(*relay, "has no column \\\"topic\\\" (text)");
  EventuallyLogs(*relay, "Fix: ALTER TABLE so that it has");
}

TEST_F(SourceTest, ASlotOfAnotherPluginIsRefused) {
  Execute(absl::StrCat("SELECT pg_create_logical_replication_slot('outbox_", database_.name(),
                       "', 'test_decoding')"));
  auto relay = StartRelay();
  EventuallyLogs(*relay, "plugin test_decoding");
  EXPECT_FALSE(SlotActive());
}

TEST_F(SourceTest, OneBrokenSourceDoesNotDisturbAnother) {
  MakeSlot();
  MakeTopic(topic_);
  auto relay = StartRelay({"--source=broken=postgresql://nobody@127.0.0.1:1/nowhere"});
  InsertEvents("event", 100);
  EXPECT_EQ(Read(100).size(), 100u);
  EXPECT_THAT(relay->Get("/readyz"), HasSubstr("failed broken: cannot connect to Postgres"));
  EXPECT_THAT(relay->Get("/readyz"), HasSubstr("ok test"));
  EXPECT_EQ(relay->Stop(), 0);
}

TEST_F(SourceTest, TomorrowsPartitionsAreMadeByARoleThatOwnsNothing) {
  MakeSlot();
  // As after some days in which nobody made any.
  Execute(absl::StrCat(
      "DO $$ DECLARE leaf text := to_char(now() AT TIME ZONE 'UTC' + interval '3 days', "
      "'\"outbox_\"YYYYMMDD'); BEGIN EXECUTE format('DROP TABLE %I', leaf); END $$"));
  const std::string leaves =
      "SELECT count(*) FROM pg_inherits WHERE inhparent = 'outbox'::regclass";
  const int64_t before = database_.Count(leaves);
  auto relay = StartRelay();
  Eventually("there are more", [&] { return database_.Count(leaves) > before; });
}

}  // namespace
}  // namespace relay
