// A publication that does not have the outbox for a while: rows of that time are in no stream.
#include <memory>
#include <string>
#include <utility>

#include "outbox-relay/testing/history_fixture.h"

namespace relay {
namespace {

class PublicationTest : public HistoryFixture {
 protected:
  void ExpectNoticedAndHealed(std::unique_ptr<RelayProcess> relay, size_t rows) {
    ExpectRefused(*relay, "the publication was altered, or made again");
    relay->Kill();
    relay = StartRelay({"--heal=table"});
    Eventually("it has healed and streams", [&] {
      return relay->log().find("healed from the outbox's rows") != std::string::npos &&
             SlotActive();
    });
    EXPECT_EQ(Ids(Read(rows)).size(), rows);
    EXPECT_EQ(relay->Stop(), 0);
  }
  // With a snapshot, without which nothing could be healed.
  int64_t Recorded() const {
    return database_.Count(
        "SELECT count(*) FROM outbox_relay_state WHERE details::json ->> 'publication' <> '' "
        "AND details::json ->> 'snapshot' <> ''");
  }
};

TEST_F(PublicationTest, TheTableIsTakenOutWhileARelayStreamsAndPutBack) {
  auto relay = StartRelay();
  InsertEvents("before", 10);
  Read(10);
  Eventually("it is on record", [&] { return Recorded() == 1; });
  Execute("ALTER PUBLICATION outbox DROP TABLE outbox");
  InsertEvents("in no stream", 10);
  Eventually("it says that the table is not there", [&] {
    return relay->log().find("ALTER PUBLICATION outbox ADD TABLE outbox") != std::string::npos;
  });
  Eventually("its lag is seen", [&] {
    return relay->Metric("outbox_unpublished_events{source=\"test\"}") >= 10 &&
           relay->Metric("outbox_oldest_unpublished_age_seconds{source=\"test\"}") > 0;
  });
  Execute("ALTER PUBLICATION outbox ADD TABLE outbox");
  InsertEvents("after", 10);
  ExpectNoticedAndHealed(std::move(relay), 30);
}

TEST_F(PublicationTest, ItIsMadeAgainWhileNoRelayRuns) {
  PublishAndDie();
  Execute(
      "DROP PUBLICATION outbox; CREATE PUBLICATION outbox FOR TABLE outbox WITH (publish = "
      "'insert', publish_via_partition_root = true)");
  InsertEvents("after", 10);
  ExpectNoticedAndHealed(StartRelay(), 110);
}

TEST_F(PublicationTest, MadeAfterTheFirstRowsOfTheLogItIsNamed) {
  Execute("DROP PUBLICATION outbox");
  InsertEvents("in front of it", 10);
  Execute(
      "CREATE PUBLICATION outbox FOR TABLE outbox WITH (publish = 'insert', "
      "publish_via_partition_root = true)");
  auto relay = StartRelay();
  Eventually("it says why it cannot stream", [&] {
    return relay->log().find("cannot be read past them. Fix: ") != std::string::npos;
  });
}

TEST_F(PublicationTest, ATableOfAnotherNameIsNotEnough) {
  Execute("CREATE TABLE other (LIKE outbox); ALTER PUBLICATION outbox SET TABLE other");
  auto relay = StartRelay();
  Eventually("it says the fix", [&] {
    return relay->log().find("ALTER PUBLICATION outbox ADD TABLE outbox") != std::string::npos;
  });
}

TEST_F(PublicationTest, MorePartitionsAndAnotherTableAreNoChange) {
  auto relay = StartRelay();
  InsertEvents("before", 10);
  Eventually("it is on record", [&] { return Recorded() == 1; });
  CreatePartitionsAhead(20);
  Execute("CREATE TABLE other (LIKE outbox); ALTER PUBLICATION outbox ADD TABLE other");
  InsertEvents("after", 10);
  EXPECT_EQ(Ids(Read(20)).size(), 20u);
  const std::string confirmed = SlotConfirmed();
  InsertEvents("and after", 10);
  Eventually("positions are recorded, and told", [&] { return SlotConfirmed() != confirmed; });
  EXPECT_EQ(relay->Stop(), 0);
}

}  // namespace
}  // namespace relay
