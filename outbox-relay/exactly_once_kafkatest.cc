// Exactly-once mode: a reader of committed records sees each event once, in order, whatever dies.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/kafka/admin.h"
#include "outbox-relay/testing/history_fixture.h"
#include "outbox-relay/testing/topic_admin.h"
#include "outbox-relay/testing/verb_run.h"

namespace relay {
namespace {

class ExactlyOnceTest : public HistoryFixture {
 protected:
  std::unique_ptr<RelayProcess> Start(std::vector<std::string> more = {}) {
    more.emplace_back("--exactly_once");
    return StartRelay(std::move(more));
  }

  // Every row of the table is in the topic once. Rows inserted last, one for each key, are read
  // before it is said that nothing came twice: what is repeated would come before them.
  std::vector<Received> ExpectEachOnce() {
    InsertEvents("last", 50, 50);
    const auto rows = static_cast<size_t>(database_.Count("SELECT count(*) FROM outbox"));
    std::vector<Received> records = Read(rows);
    EXPECT_EQ(records.size(), rows) << "events came twice";
    return records;
  }

  static double Published(const RelayProcess& relay) {
    return relay.Metric("outbox_published_events_total{source=\"test\"}");
  }
};

TEST_F(ExactlyOnceTest, KilledInTheMiddleOfManyTransactions) {
  auto relay = Start();
  std::atomic<bool> done = false;
  int transactions = 0;
  std::thread writer([&] {
    for (; transactions < 50 || !done; ++transactions) {
      InsertEvents(absl::StrCat(transactions, "-"), 100);
    }
  });
  for (int kills = 0; kills < 5; ++kills) {
    Eventually("it publishes", [&] { return Published(*relay) > 300; });
    relay->Kill();
    relay = Start();
  }
  done = true;
  writer.join();
  const auto records = ExpectEachOnce();
  for (const auto& [key, payloads] : FirstOccurrences(records)) {
    if (key.size() > 5) continue;  // key-0 … key-9 are the writer's
    std::vector<std::string> expected;
    for (int transaction = 0; transaction < transactions; ++transaction) {
      for (int i = 1; i <= 100; ++i) {
        if (absl::StrCat("key-", i % 10) == key) {
          expected.push_back(absl::StrCat(transaction, "-", i));
        }
      }
    }
    auto begin = payloads;
    begin.resize(std::min(payloads.size(), expected.size()));
    EXPECT_EQ(begin, expected) << key;
  }
  EXPECT_EQ(relay->Stop(), 0);
}

TEST_F(ExactlyOnceTest, KilledInTheMiddleOfALongTransactionItGoesOnAtTheRow) {
  InsertEvents("long", 150'000);
  auto relay = Start({"--transaction_interval_ms=20", "--max_in_flight_mb=1"});
  for (int kills = 0; kills < 3; ++kills) {
    // A quick machine may be through before the last kill.
    Eventually("some of it is published", [&] {
      return Published(*relay) > 2'000 ||
             relay->Metric("outbox_unpublished_events{source=\"test\"}") == 0;
    });
    relay->Kill();
    relay = Start({"--transaction_interval_ms=20", "--max_in_flight_mb=1"});
  }
  ExpectEachOnce();
  EXPECT_EQ(relay->Stop(), 0);
}

TEST_F(ExactlyOnceTest, ALostPostgresConnectionRepeatsNothing) {
  auto relay = Start();
  for (int round = 0; round < 5; ++round) {
    InsertEvents(absl::StrCat(round, "-"), 5'000);
    Eventually("it streams", [&] { return SlotActive(); });
    Execute(
        absl::StrCat("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE "
                     "slot_name = 'outbox_",
                     database_.name(), "'"));
  }
  ExpectEachOnce();
}

TEST_F(ExactlyOnceTest, ARelayThatWakesUpIsShutOut) {
  auto asleep = Start({"--wal_sender_timeout_s=1"});
  InsertEvents("early", 20'000);
  Eventually("it publishes", [&] { return Published(*asleep) > 1'000; });
  asleep->Freeze();
  InsertEvents("middle", 2'000);
  auto successor = Start({"--wal_sender_timeout_s=1"});
  Eventually("the other one publishes", [&] { return Published(*successor) > 1'000; });
  asleep->Thaw();
  InsertEvents("late", 1'000);
  ExpectEachOnce();
  EXPECT_EQ(successor->Stop(), 0);
}

TEST_F(ExactlyOnceTest, AStopLeavesNothingHalfDone) {
  for (int round = 0; round < 3; ++round) {
    auto relay = Start();
    InsertEvents(absl::StrCat(round, "-"), 3'000);
    Eventually("it publishes", [&] { return Published(*relay) > 0; });
    EXPECT_EQ(relay->Stop(), 0) << relay->log();
  }
  auto relay = Start();
  ExpectEachOnce();
}

// It begins while events go alone, and would go on so, with a transaction of Kafka for each, though
// what they go alone for is long behind.
TEST_F(ExactlyOnceTest, ALongTransactionBehindARefusedEventGoesInBatches) {
  const std::string compacted = testsupport::UniqueName("relay-compacted-");
  const kafka::TopicSpec spec{
      .name = compacted, .partitions = 1, .config = {{"cleanup.policy", "compact"}}};
  ASSERT_EQ(kafka::EnsureTopics(kafka_, {&spec, 1}), absl::OkStatus());
  auto relay = Start();
  Execute("ALTER TABLE outbox ALTER aggregateid DROP NOT NULL");
  Execute(
      "INSERT INTO outbox (id, aggregatetype, type, topic) VALUES (gen_random_uuid(), 'T', 'T', '" +
      compacted + "')");
  Eventually("events go alone",
             [&] { return relay->log().find("events_go_alone=true") != std::string::npos; });
  InsertEvents("long", 10'000);
  EXPECT_EQ(Read(10'000).size(), 10'000u);
  Eventually("they no longer do",
             [&] { return relay->log().find("publishing in batches again") != std::string::npos; });
  // What is repeated would come before them.
  InsertEvents("last", 50, 50);
  const std::vector<Received> records = Read(10'050);
  EXPECT_EQ(records.size(), 10'050u) << "events came twice";
  for (const auto& [key, payloads] : FirstOccurrences(records)) {
    std::vector<int> numbers;
    for (const std::string& payload : payloads) {
      if (payload.starts_with("long")) numbers.push_back(std::stoi(payload.substr(4)));
    }
    EXPECT_TRUE(std::ranges::is_sorted(numbers)) << key;
  }
}

TEST_F(ExactlyOnceTest, HealingRepeatsNothing) {
  PublishAndDie("before", {"--exactly_once"});
  DropSlot();
  InsertEvents("in no stream", 500);
  auto relay = Start({"--heal=table"});
  Eventually("it has healed and streams", [&] {
    return relay->log().find("healed from the outbox's rows") != std::string::npos && SlotActive();
  });
  ExpectEachOnce();
}

// Between the commit of a released event and its removal from the table lies a crash.
TEST_F(ExactlyOnceTest, AReleasedEventIsNotRepeated) {
  const std::string small = testsupport::UniqueName("relay-small-");
  const kafka::TopicSpec spec{
      .name = small, .partitions = 1, .config = {{"max.message.bytes", "20000"}}};
  ASSERT_EQ(kafka::EnsureTopics(kafka_, {&spec, 1}), absl::OkStatus());
  const auto insert = [&](const std::string& payload) {
    Execute(absl::StrCat(
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) VALUES "
        "(gen_random_uuid(), 'T', 'key', 'T', ",
        payload, ", '", small, "')"));
  };
  insert("(SELECT string_agg(uuid_send(gen_random_uuid()), '') FROM generate_series(1, 3000))");
  insert("'second'");
  auto relay = Start();
  const auto parked = [&] { return database_.Count("SELECT count(*) FROM outbox_parked"); };
  Eventually("both are parked", [&] { return parked() == 2; });
  SetMaxMessageBytes(kafka_, small, 200'000);
  // Whoever removes them has to wait.
  postgres::Connection holder = database_.Connect();
  ASSERT_TRUE(holder.ExecuteScript("BEGIN; SELECT FROM outbox_parked FOR UPDATE").ok());
  EXPECT_EQ(RunVerb({"parked", "release", "--source=test=" + database_.relay(), "--all"}).exit_code,
            0);
  EXPECT_EQ(Read(small, 2).size(), 2u);
  relay->Kill();
  // Postgres would carry the dead relay's statement out.
  Execute(
      "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = "
      "current_database() AND application_name = 'outbox-relay parking'");
  ASSERT_TRUE(holder.ExecuteScript("ROLLBACK").ok());
  EXPECT_EQ(parked(), 2);
  relay = Start();
  Eventually("nothing is parked", [&] {
    return parked() == 0 && database_.Count("SELECT count(*) FROM outbox_parked_keys") == 0;
  });
  insert("'third'");
  EXPECT_EQ(Read(small, 3).size(), 3u);
}

}  // namespace
}  // namespace relay
