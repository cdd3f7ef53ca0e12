#include "outbox-relay/testing/relay_fixture.h"

#include <cstdlib>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "libs/kafka/admin.h"
#include "libs/kafka/consumer.h"
#include "libs/outbox/migrations.h"
#include "libs/postgres/sql_error.h"
#include "outbox-relay/testing/topic_admin.h"

namespace relay {
namespace {

using Clock = std::chrono::steady_clock;

const postgres::MigrationSet* const kMigrations[] = {&postgres::PartitionMigrations(),
                                                     &postgres::OutboxMigrations()};

}  // namespace

RelayFixture::RelayFixture()
    : database_(kMigrations),
      kafka_{.brokers = testsupport::KafkaServer(), .client_id = "relay-test"} {}

void RelayFixture::MakeSlot() {
  auto relay = postgres::Connection::Open(database_.relay(), "test");
  ASSERT_TRUE(relay.ok()) << relay.status();
  const absl::Status made = relay->ExecuteScript(absl::StrCat(
      "SELECT pg_create_logical_replication_slot('outbox_", database_.name(), "', 'pgoutput')"));
  ASSERT_TRUE(made.ok()) << made;
}

void RelayFixture::MakeTopic(const std::string& topic, int partitions) {
  const kafka::TopicSpec spec{.name = topic, .partitions = partitions};
  ASSERT_EQ(kafka::EnsureTopics(kafka_, {&spec, 1}), absl::OkStatus());
}

std::unique_ptr<RelayProcess> RelayFixture::StartRelay(std::vector<std::string> more,
                                                       const std::string& brokers) {
  more.push_back("--source=test=" + database_.relay());
  more.push_back("--state_topic=" + state_topic_);
  if (const char* mode = std::getenv("ORDER_SAGA_TEST_RELAY_MODE")) more.emplace_back(mode);
  more.push_back("--kafka_brokers=" + (brokers.empty() ? kafka_.brokers : brokers));
  return std::make_unique<RelayProcess>(more);
}

void RelayFixture::Execute(const std::string& sql) {
  const absl::Status status = database_.Connect().ExecuteScript(sql);
  ASSERT_TRUE(status.ok()) << status << "\n" << sql;
}

void RelayFixture::InsertEvents(const std::string& prefix, int count, int keys) {
  Execute(
      absl::StrCat("INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) "
                   "SELECT gen_random_uuid(), 'Test', 'key-' || i % ",
                   keys, ", 'test.v1.Made', ('", prefix, "' || i)::bytea, '", topic_,
                   "' FROM generate_series(1, ", count, ") i"));
}

void RelayFixture::CreatePartitionsAhead(int days) {
  absl::Status made = absl::AbortedError("not tried");
  Eventually("the partitions are made", [&] {
    made = database_.Connect().ExecuteScript(
        absl::StrCat("SELECT partitions_create_ahead('outbox', ", days, ")"));
    return !postgres::ShouldRerun(made);
  });
  ASSERT_TRUE(made.ok()) << made;
}

std::vector<Received> RelayFixture::Read(size_t enough) { return Read(topic_, enough); }

std::vector<Received> RelayFixture::Read(const std::string& topic, size_t enough) {
  std::vector<Received> records;
  std::set<std::string> ids;
  auto consumer = kafka::Consumer::Create(
      {.settings = kafka_, .group = testsupport::UniqueName("relay-test-"), .topics = {topic}});
  if (!consumer.ok()) {
    ADD_FAILURE() << consumer.status();
    return records;
  }
  const auto deadline = Clock::now() + std::chrono::seconds(60);
  while (ids.size() < enough && Clock::now() < deadline) {
    auto batch = (*consumer)->Poll(std::chrono::milliseconds(200), {.max_messages = 10'000});
    if (!batch.ok()) {
      ADD_FAILURE() << batch.status();
      break;
    }
    for (const kafka::Message& message : *batch) {
      Received record;
      record.key = message.key().value_or("(null)");
      if (record.key == kProbeKey) continue;
      if (message.payload()) record.value = std::string(*message.payload());
      record.partition = message.partition();
      message.ForEachHeader([&](std::string_view name, std::string_view value) {
        EXPECT_TRUE(record.headers.emplace(name, value).second) << "twice: " << name;
        return true;
      });
      ids.insert(record.id());
      records.push_back(std::move(record));
    }
  }
  EXPECT_EQ(ids.size(), enough) << "different events in topic " << topic;
  return records;
}

void RelayFixture::Eventually(const std::string& what, const std::function<bool()>& holds) {
  const auto deadline = Clock::now() + std::chrono::seconds(30);
  while (Clock::now() < deadline) {
    if (holds()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  FAIL() << "never: " << what;
}

int64_t RelayFixture::Unrecorded() const {
  return database_.Count(
      "SELECT count(*) FROM outbox, (SELECT coalesce(nullif((SELECT details FROM "
      "outbox_relay_state)::json ->> 'snapshot', ''), '1:1:')::pg_snapshot AS s) state "
      "WHERE NOT pg_visible_in_snapshot(tx, s)");
}

std::string RelayFixture::SlotConfirmed() const {
  return database_.Ask(absl::StrCat(
      "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = 'outbox_",
      database_.name(), "'"));
}

bool RelayFixture::SlotActive() const {
  return database_.Count(absl::StrCat(
             "SELECT count(*) FROM pg_replication_slots WHERE active AND slot_name = 'outbox_",
             database_.name(), "'")) == 1;
}

std::map<std::string, std::vector<std::string>> FirstOccurrences(
    const std::vector<Received>& records) {
  std::map<std::string, std::vector<std::string>> payloads;
  std::set<std::string> seen;
  for (const Received& record : records) {
    if (seen.insert(record.id()).second) payloads[record.key].push_back(record.value.value_or(""));
  }
  return payloads;
}

std::set<std::string> Ids(const std::vector<Received>& records) {
  std::set<std::string> ids;
  for (const Received& record : records) ids.insert(record.id());
  return ids;
}

}  // namespace relay
