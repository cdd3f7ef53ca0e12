// What arrives at Kafka, from a real Postgres through the real program.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "outbox-relay/testing/relay_fixture.h"

namespace relay {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

class DeliveryTest : public RelayFixture {
 protected:
  void SetUp() override {
    MakeSlot();
    MakeTopic(topic_);
    relay_ = StartRelay();
  }

  // "first1", "first2", … as InsertEvents numbers them.
  static std::vector<std::string> Numbered(const std::string& prefix, int from, int to) {
    std::vector<std::string> all;
    for (int i = from; i <= to; ++i) all.push_back(absl::StrCat(prefix, i));
    return all;
  }

  void InsertAroundAlterTable() {
    InsertEvents("early", 3, 1);
    Execute("ALTER TABLE outbox ADD COLUMN note text DEFAULT 'n'");
    InsertEvents("wider", 3, 1);
    Execute("ALTER TABLE outbox DROP COLUMN traceparent");
    InsertEvents("other", 3, 1);
  }

  std::unique_ptr<RelayProcess> relay_;
};

TEST_F(DeliveryTest, ARecordHasTheKeyTheBytesAndTheHeadersOfTheContract) {
  Execute(absl::StrCat(
      "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic, traceparent, "
      "headers, "
      "created_at) VALUES ('0192f0c1-2345-7abc-8def-0123456789ab', 'ORDER_CREATION', 'tx-1', "
      "'test.v1.Made', '\\x00ff10'::bytea, '",
      topic_,
      "', "
      "'00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', "
      "'{\"tenant\": \"b\\u00e4r\", \"content-type\": \"application/json\"}', "
      "'2026-01-31 23:59:59.5+00')"));
  const Received record = Read(1).at(0);
  EXPECT_EQ(record.key, "tx-1");
  EXPECT_EQ(record.value, std::string("\x00\xff\x10", 3));
  const std::map<std::string, std::string> expected = {
      {"id", "0192f0c1-2345-7abc-8def-0123456789ab"},
      {"eventType", "test.v1.Made"},
      {"ce_specversion", "1.0"},
      {"ce_id", "0192f0c1-2345-7abc-8def-0123456789ab"},
      {"ce_source", "/test"},
      {"ce_type", "test.v1.Made"},
      {"ce_time", "2026-01-31T23:59:59.500000Z"},
      {"ce_subject", "tx-1"},
      {"content-type", "application/json"},
      {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
      {"tenant", "b\xc3\xa4r"}};
  EXPECT_EQ(record.headers, expected);
}

TEST_F(DeliveryTest, TheDefaultContentTypeIsProtobuf) {
  InsertEvents("event", 1);
  const Received record = Read(1).at(0);
  EXPECT_EQ(record.headers.at("content-type"), "application/protobuf");
  EXPECT_EQ(record.headers.count("traceparent"), 0u);
  EXPECT_THAT(record.headers.at("ce_time"),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{6}Z"));
}

TEST_F(DeliveryTest, EachKeyKeepsItsOrderAndItsPartition) {
  for (int transaction = 0; transaction < 20; ++transaction) {
    InsertEvents(absl::StrCat("t", transaction, "-"), 50, /*keys=*/1);
  }
  const std::vector<Received> records = Read(1'000);
  EXPECT_EQ(records.size(), 1'000u) << "nothing comes twice without a fault";
  std::vector<std::string> expected;
  for (int transaction = 0; transaction < 20; ++transaction) {
    for (const auto& payload : Numbered(absl::StrCat("t", transaction, "-"), 1, 50)) {
      expected.push_back(payload);
    }
  }
  EXPECT_EQ(FirstOccurrences(records).at("key-0"), expected);
  std::set<int> partitions;
  for (const Received& record : records) partitions.insert(record.partition);
  EXPECT_EQ(partitions.size(), 1u);
}

TEST_F(DeliveryTest, TheOrderIsThatOfCommitsNotOfInserts) {
  postgres::Connection early = database_.Connect();
  ASSERT_TRUE(early.ExecuteScript("BEGIN").ok());
  const auto insert = [&](const std::string& payload) {
    return absl::StrCat(
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) "
        "VALUES (gen_random_uuid(), 'T', 'k', 'T', '",
        payload, "', '", topic_, "')");
  };
  ASSERT_TRUE(early.ExecuteScript(insert("inserted first")).ok());
  Execute(insert("committed first"));
  ASSERT_TRUE(early.ExecuteScript("COMMIT").ok());
  EXPECT_THAT(FirstOccurrences(Read(2)).at("k"), ElementsAre("committed first", "inserted first"));
}

TEST_F(DeliveryTest, NullAndEmptyPayloadsDiffer) {
  Execute(absl::StrCat(
      "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) VALUES "
      "(gen_random_uuid(), 'T', 'null', 'T', NULL, '",
      topic_,
      "'), "
      "(gen_random_uuid(), 'T', 'empty', 'T', '', '",
      topic_, "')"));
  std::map<std::string, std::optional<std::string>> values;
  for (const Received& record : Read(2)) values[record.key] = record.value;
  EXPECT_EQ(values.at("null"), std::nullopt);
  EXPECT_EQ(values.at("empty"), "");
}

TEST_F(DeliveryTest, OnlyCommittedRowsOfTransactionsAndSubtransactions) {
  const auto insert = [&](const std::string& payload) {
    return absl::StrCat(
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) "
        "VALUES (gen_random_uuid(), 'T', 'k', 'T', '",
        payload, "', '", topic_, "'); ");
  };
  Execute(absl::StrCat("BEGIN; ", insert("aborted"), "ROLLBACK"));
  Execute(absl::StrCat("BEGIN; ", insert("a"), "SAVEPOINT s; ", insert("rolled back"),
                       "ROLLBACK TO s; ", insert("b"), "SAVEPOINT t; ", insert("c"),
                       "RELEASE t; COMMIT"));
  InsertEvents("last", 1);
  EXPECT_THAT(FirstOccurrences(Read(4)).at("k"), ElementsAre("a", "b", "c"));
}

TEST_F(DeliveryTest, AColumnAddedWhileRunningChangesNothing) {
  InsertEvents("before", 3, 1);
  ASSERT_EQ(Read(3).size(), 3u);
  InsertAroundAlterTable();
  EXPECT_THAT(FirstOccurrences(Read(12)).at("key-0"),
              ElementsAre("before1", "before2", "before3", "early1", "early2", "early3", "wider1",
                          "wider2", "wider3", "other1", "other2", "other3"));
}

// The log is then read with the columns of the time when it was written, not those of now.
TEST_F(DeliveryTest, AColumnAddedWhileTheRelayIsAwayChangesNothing) {
  relay_->Kill();
  InsertAroundAlterTable();
  relay_ = StartRelay();
  EXPECT_THAT(FirstOccurrences(Read(9)).at("key-0"),
              ElementsAre("early1", "early2", "early3", "wider1", "wider2", "wider3", "other1",
                          "other2", "other3"));
}

TEST_F(DeliveryTest, TruncateByHandAndOtherTablesAreNoEvents) {
  InsertEvents("before", 2, 1);
  Execute("CREATE TABLE other (i int); INSERT INTO other SELECT generate_series(1, 1000)");
  Eventually("all is at Kafka",
             [&] { return relay_->Metric("outbox_published_events_total{source=\"test\"}") == 2; });
  Execute("TRUNCATE outbox");
  InsertEvents("after", 2, 1);
  EXPECT_THAT(FirstOccurrences(Read(4)).at("key-0"),
              ElementsAre("before1", "before2", "after1", "after2"));
}

TEST_F(DeliveryTest, OneHugeTransactionComesWholeInBoundedMemory) {
  InsertEvents("event", 100'000, 1'000);
  const std::vector<Received> records = Read(100'000);
  EXPECT_EQ(records.size(), 100'000u);
  const int64_t peak = relay_->PeakResidentKilobytes();
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(peak, 80'000) << "kB";
#endif
  RecordProperty("peak_resident_kb", std::to_string(peak));
  Eventually("nothing is unpublished",
             [&] { return relay_->Metric("outbox_unpublished_events{source=\"test\"}") == 0; });
  EXPECT_EQ(relay_->Metric("outbox_commit_to_ack_seconds_count{source=\"test\"}"), 100'000);
  EXPECT_EQ(relay_->Stop(), 0);
}

}  // namespace
}  // namespace relay
