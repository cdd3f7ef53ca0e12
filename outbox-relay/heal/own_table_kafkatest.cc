// Outboxes whose columns have other types than ours: healing reads rows, the stream reads the log,
// and both must publish the same.
#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "outbox-relay/testing/history_fixture.h"
#include "outbox-relay/testing/verb_run.h"

namespace relay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr char kKey[] = "0192f0c1-2345-7abc-8def-0123456789ab";

class OwnTableTest : public HistoryFixture {
 protected:
  void Alter(const std::string& key_type) {
    Execute(absl::StrCat(
        "ALTER TABLE outbox ALTER aggregateid DROP NOT NULL, ALTER aggregateid TYPE ", key_type,
        " USING NULL, ALTER payload TYPE jsonb USING NULL, ALTER topic DROP NOT NULL, "
        "ALTER type DROP NOT NULL, ALTER created_at DROP NOT NULL"));
  }
  // `key` and the others are SQL; "NULL" is one, too.
  void Insert(const std::string& key, const std::string& topic, const std::string& type = "'T'") {
    Execute(absl::StrCat(
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, topic, payload, created_at) "
        "VALUES (gen_random_uuid(), 'T', ",
        key, ", ", type, ", ", topic, ", '{\"a\": 1}', NULL)"));
  }
  std::string Topic() const { return absl::StrCat("'", topic_, "'"); }

  // Two events, and two that nobody can publish, once by the stream and once by healing.
  std::vector<std::pair<std::string, std::string>> PublishBothWays(const std::string& key) {
    {
      auto relay = StartRelay();
      InsertAll(key);
      Eventually("the stream has all", [&] {
        return relay->Metric("outbox_published_events_total{source=\"test\"}") >= 2 &&
               ParkedEvents() == 2;
      });
      EXPECT_EQ(relay->Stop(), 0);
    }
    DropSlot();
    InsertAll(key);
    auto relay = StartRelay({"--heal=table"});
    Eventually("healed", [&] {
      return relay->log().find("healed from the outbox's rows") != std::string::npos;
    });
    std::vector<std::pair<std::string, std::string>> records;
    for (const Received& record : Read(4)) {
      records.emplace_back(record.key, record.value.value_or("none"));
    }
    return records;
  }
  int64_t ParkedEvents() const { return database_.Count("SELECT count(*) FROM outbox_parked"); }

 private:
  void InsertAll(const std::string& key) {
    Insert(key, Topic());
    Insert(key, "NULL");
    Insert("NULL", Topic(), "''");
    Insert(key, Topic());
  }
};

TEST_F(OwnTableTest, UuidKeysAndJsonbPayloads) {
  Alter("uuid");
  const auto body = Pair(kKey, R"({"a": 1})");
  EXPECT_THAT(PublishBothWays(absl::StrCat("'", kKey, "'")), ElementsAre(body, body, body, body));
  EXPECT_EQ(ParkedEvents(), 4);
}

TEST_F(OwnTableTest, NumbersAsKeys) {
  Alter("bigint");
  const auto body = Pair("-42", R"({"a": 1})");
  EXPECT_THAT(PublishBothWays("-42"), ElementsAre(body, body, body, body));
  EXPECT_EQ(ParkedEvents(), 4);
}

TEST_F(OwnTableTest, EventsWithoutAKey) {
  Alter("uuid");
  const auto body = Pair("(null)", R"({"a": 1})");
  EXPECT_THAT(PublishBothWays("NULL"), ElementsAre(body, body, body, body));
}

// Rows that no snapshot can speak of, and rows that cannot be put in order.
TEST_F(OwnTableTest, RowsWithoutATransactionOrANumber) {
  PublishAndDie();
  DropSlot();
  Execute(
      "ALTER TABLE outbox ALTER seq DROP IDENTITY, ALTER seq DROP NOT NULL, "
      "ALTER tx DROP NOT NULL");
  InsertEvents("no number, no transaction", 10);
  Execute("UPDATE outbox SET seq = NULL, tx = NULL WHERE seq IS NULL");
  auto relay = StartRelay({"--heal=table"});
  Eventually("it says what is missing", [&] {
    return relay->log().find("10 rows of the outbox that may not be at Kafka have no seq") !=
           std::string::npos;
  });
  Execute("UPDATE outbox SET seq = 1000 WHERE seq IS NULL");
  EXPECT_EQ(Ids(Read(110)).size(), 110u);
}

TEST_F(OwnTableTest, DoctorReadsThem) {
  Alter("uuid");
  Insert("NULL", Topic());
  const VerbRun doctor = RunVerb(
      {"doctor", "--source=test=" + database_.relay(), "--kafka_brokers=" + kafka_.brokers});
  EXPECT_THAT(doctor.output, HasSubstr("1 in the newest 10000 events"));
}

}  // namespace
}  // namespace relay
