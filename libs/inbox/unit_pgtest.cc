#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "libs/inbox/migrations.h"
#include "libs/inbox/unit.h"
#include "libs/outbox/migrations.h"
#include "libs/testing/test_database.h"

namespace inbox {
namespace {

using testing::HasSubstr;

// Writes each payload into a table, in order.
class Writer : public Handler {
 public:
  absl::Status Handle(outbox::UnitOfWork& work, absl::Span<Delivery* const> batch) override {
    for (Delivery* delivery : batch) {
      const std::string payload(delivery->payload().value_or(""));
      if (payload == "unreadable") {
        delivery->DeadLetter("cannot be read");
        continue;
      }
      if (payload == "refused by code") return absl::FailedPreconditionError("no such step");
      if (payload == "outage") return absl::UnavailableError("gone");
      work.outbox().Add({.aggregateid = delivery->key(), .type = payload, .topic = "replies"});
      auto written = work.transaction().Execute("INSERT INTO written (payload) VALUES ($1)",
                                                postgres::Params().Text(payload));
      if (!written.ok()) return written.status();
    }
    return absl::OkStatus();
  }
};

class UnitTest : public testing::Test {
 protected:
  UnitTest() {
    auto owner = database_.Connect();
    EXPECT_TRUE(owner
                    .ExecuteScript("CREATE TABLE written (n serial, payload text"
                                   " CHECK (payload <> 'violates'));"
                                   "GRANT ALL ON written, written_n_seq TO test_service")
                    .ok());
  }

  struct Sent {
    std::string id;
    std::string key;
    std::string payload;
  };

  static Sent New(std::string key, std::string payload) {
    return {uuid::ToString(uuid::NewV7()), std::move(key), std::move(payload)};
  }

  absl::Status Apply(const std::vector<Sent>& messages) {
    std::vector<Delivery> batch;
    for (size_t i = 0; i < messages.size(); ++i) {
      batch.emplace_back(Record{.topic = "commands",
                                .partition = 3,
                                .offset = static_cast<int64_t>(i),
                                .key = messages[i].key,
                                .payload = messages[i].payload,
                                .id = messages[i].id});
    }
    outcomes_ = Outcomes();
    return ApplyBatch(service_, writer_, oldest_, absl::MakeSpan(batch), outcomes_);
  }

  std::string Written() {
    return database_.Ask("SELECT string_agg(payload, ',' ORDER BY n) FROM written");
  }

  testsupport::TestDatabase database_{{&postgres::PartitionMigrations(),
                                       &postgres::OutboxMigrations(),
                                       &postgres::InboxMigrations()}};
  postgres::Connection service_ = *postgres::Connection::Open(database_.service(), "test");
  uuid::Uuid oldest_ = service_.Execute("SELECT partitions_oldest('inbox')")->Id(0, 0);
  Writer writer_;
  Outcomes outcomes_;
};

TEST_F(UnitTest, AppliesABatchInOrderWithItsMessages) {
  ASSERT_TRUE(Apply({New("k", "b"), New("k", "a"), New("l", "c")}).ok());
  EXPECT_EQ(Written(), "b,a,c");
  EXPECT_EQ(outcomes_.applied, 3);
  EXPECT_EQ(database_.Ask("SELECT string_agg(type, ',' ORDER BY seq) FROM outbox"), "b,a,c");
}

TEST_F(UnitTest, ARepeatDoesNothing) {
  const Sent one = New("k", "one"), two = New("k", "two");
  ASSERT_TRUE(Apply({one, one}).ok());
  EXPECT_EQ(outcomes_.duplicates, 1);
  ASSERT_TRUE(Apply({two, one}).ok());
  EXPECT_EQ(Written(), "one,two");
  EXPECT_EQ(outcomes_.applied, 1);
  EXPECT_EQ(outcomes_.duplicates, 1);
}

TEST_F(UnitTest, UnreadableMessagesBecomeDeadLettersWithTheirOrigin) {
  const Sent no_uuid{"not-a-uuid", "k", "x"};
  ASSERT_TRUE(
      Apply({New("k", "good"), no_uuid, New(std::string("\xff\0k", 3), "unreadable")}).ok());
  EXPECT_EQ(Written(), "good");
  EXPECT_EQ(outcomes_.dead_letters, 2);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox WHERE topic = 'commands-dlt'"), 2);
  EXPECT_EQ(database_.Ask("SELECT payload::text || (headers->>'kafka_dlt-original-topic') || "
                          "(headers->>'kafka_dlt-original-partition') || "
                          "(headers->>'kafka_dlt-original-offset') "
                          "FROM outbox WHERE topic = 'commands-dlt' ORDER BY seq LIMIT 1"),
            "\\x78commands31");
  EXPECT_THAT(database_.Ask("SELECT headers->>'kafka_dlt-exception-message' FROM outbox "
                            "WHERE topic = 'commands-dlt' ORDER BY seq LIMIT 1"),
              HasSubstr("not-a-uuid"));
}

TEST_F(UnitTest, AnIdOlderThanTheInboxIsNeverApplied) {
  ASSERT_TRUE(Apply({{"01800000-0000-7000-8000-000000000000", "k", "old"}}).ok());
  EXPECT_EQ(Written(), "");
  EXPECT_THAT(database_.Ask("SELECT headers->>'kafka_dlt-exception-message' FROM outbox"),
              HasSubstr("too old"));
}

TEST_F(UnitTest, AFaultHurtsOnlyItsSagaAndWhatFollowsOfIt) {
  ASSERT_TRUE(Apply({New("a", "1"), New("b", "violates"), New("b", "held"), New("c", "2")}).ok());
  EXPECT_EQ(Written(), "1,2");
  EXPECT_EQ(outcomes_.applied, 2);
  EXPECT_EQ(outcomes_.parked, 2);
  const Sent later = New("b", "later");
  ASSERT_TRUE(Apply({later, New("a", "3")}).ok());
  EXPECT_EQ(Written(), "1,2,3");
  ASSERT_TRUE(Apply({later}).ok());
  EXPECT_EQ(outcomes_.duplicates, 1) << "a parked message that comes again is parked once";
  EXPECT_EQ(database_.Ask("SELECT string_agg(convert_from(payload, 'UTF8'), ',' ORDER BY arrival) "
                          "FROM inbox_parked"),
            "violates,held,later");
  EXPECT_EQ(database_.Count("SELECT count(*) FROM inbox WHERE id IN (SELECT id FROM inbox_parked)"),
            0);
}

TEST_F(UnitTest, ADeadLetterBesideAFaultIsOneDeadLetter) {
  const Sent unreadable = New("a", "unreadable");
  ASSERT_TRUE(Apply({unreadable, New("b", "violates"), New("c", "good")}).ok());
  EXPECT_EQ(outcomes_.dead_letters, 1);
  ASSERT_TRUE(Apply({unreadable}).ok());
  EXPECT_EQ(outcomes_.duplicates, 1);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox WHERE topic = 'commands-dlt'"), 1);
}

TEST_F(UnitTest, AKeyThatCannotBeASagasIsNotParked) {
  std::string key;
  for (int i = 0; i < 500; ++i) key += uuid::ToString(uuid::NewV7());  // does not compress
  ASSERT_TRUE(Apply({New(key, "violates"), New("c", "good")}).ok());
  EXPECT_EQ(outcomes_.dead_letters, 1);
  EXPECT_EQ(Written(), "good");
}

TEST_F(UnitTest, AHandlersOwnRefusalParksToo) {
  ASSERT_TRUE(Apply({New("a", "refused by code"), New("c", "2")}).ok());
  EXPECT_EQ(Written(), "2");
  EXPECT_EQ(database_.Ask("SELECT key FROM inbox_parked_keys"), "a");
}

TEST_F(UnitTest, AnOutageLeavesNothingAndBlamesNobody) {
  EXPECT_TRUE(absl::IsUnavailable(Apply({New("a", "1"), New("b", "outage")})));
  EXPECT_EQ(Written(), "");
  EXPECT_EQ(database_.Count("SELECT count(*) FROM inbox"), 0);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM inbox_parked"), 0);
}

TEST_F(UnitTest, AnOutageBehindWhatIsDoneKeepsThat) {
  std::vector<Sent> batch{{"no id", "a", "unreadable"}, New("b", "violates")};
  for (int i = 2; i < 70; ++i) batch.push_back(New("c", "fine"));
  batch[66].payload = "outage";
  EXPECT_TRUE(absl::IsUnavailable(Apply(batch)));
  EXPECT_EQ(outcomes_.messages(), 64);
  batch[66].payload = "fine again";
  batch.erase(batch.begin(), batch.begin() + outcomes_.messages());
  ASSERT_TRUE(Apply(batch).ok());
  EXPECT_EQ(outcomes_.applied, 6);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM written"), 68);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox WHERE topic = 'commands-dlt'"), 1);
}

TEST_F(UnitTest, ParkedMessagesArriveInTheirOrderHoweverMany) {
  ASSERT_TRUE(Apply({New("k", "violates")}).ok());
  std::vector<Sent> batch;
  std::string expected = "violates";
  for (int i = 0; i < 500; ++i) {
    batch.push_back(New("k", std::to_string(i)));
    expected += "," + std::to_string(i);
  }
  ASSERT_TRUE(Apply(batch).ok());
  EXPECT_EQ(database_.Ask("SELECT string_agg(convert_from(payload, 'UTF8'), ',' ORDER BY arrival) "
                          "FROM inbox_parked"),
            expected);
}

TEST_F(UnitTest, MoreFaultsThanOneTransactionHoldsSavepoints) {
  std::vector<Sent> batch;
  for (int i = 0; i < 150; ++i) {
    batch.push_back(New("k" + std::to_string(i), i % 10 == 0 ? "violates" : "fine"));
  }
  ASSERT_TRUE(Apply(batch).ok());
  EXPECT_EQ(outcomes_.applied, 135);
  EXPECT_EQ(outcomes_.parked, 15);
}

}  // namespace
}  // namespace inbox
