// What is promised when something breaks: nothing lost, each key's events in order.
#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "outbox-relay/testing/port_forward.h"
#include "outbox-relay/testing/relay_fixture.h"

namespace relay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Clock = std::chrono::steady_clock;

class RecoveryTest : public RelayFixture {
 protected:
  void SetUp() override {
    MakeSlot();
    MakeTopic(topic_);
  }

  // 10 keys, and for each the events in the order in which they were committed.
  void ExpectOrder(const std::vector<Received>& records, int transactions, int events) {
    const auto occurrences = FirstOccurrences(records);
    ASSERT_EQ(occurrences.size(), 10u);
    for (const auto& [key, payloads] : occurrences) {
      std::vector<std::string> expected;
      const int number = key.back() - '0';
      for (int transaction = 0; transaction < transactions; ++transaction) {
        for (int i = 1; i <= events; ++i) {
          if (i % 10 == number) expected.push_back(absl::StrCat(transaction, "-", i));
        }
      }
      EXPECT_EQ(payloads, expected) << key;
    }
  }

  double Published(const RelayProcess& relay) const {
    return relay.Metric("outbox_published_events_total{source=\"test\"}");
  }

  void TerminateSender() {
    Execute(
        absl::StrCat("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE "
                     "slot_name = 'outbox_",
                     database_.name(), "'"));
  }
};

TEST_F(RecoveryTest, KilledInTheMiddleOfTenThousandEvents) {
  constexpr int kTransactions = 100, kEvents = 100;
  auto relay = StartRelay();
  std::atomic<bool> killed = false;
  int transactions = 0;  // at least so many, and more until the last kill
  std::thread writer([&] {
    for (; transactions < kTransactions || !killed; ++transactions) {
      InsertEvents(absl::StrCat(transactions, "-"), kEvents);
    }
  });
  for (int kills = 0; kills < 3; ++kills) {
    Eventually("it publishes", [&] { return Published(*relay) > 500; });
    relay->Kill();
    relay = StartRelay();
  }
  killed = true;
  writer.join();
  const std::vector<Received> records = Read(transactions * kEvents);
  ExpectOrder(records, transactions, kEvents);
  EXPECT_EQ(relay->Stop(), 0);
}

TEST_F(RecoveryTest, ALostPostgresConnectionLosesAndRepeatsNothing) {
  constexpr int kTransactions = 60, kEvents = 100;
  auto relay = StartRelay();
  Eventually("it streams", [&] { return SlotActive(); });
  for (int i = 0; i < kTransactions; ++i) {
    InsertEvents(absl::StrCat(i, "-"), kEvents);
    if (i % 20 == 10) TerminateSender();
  }
  Eventually("all is confirmed", [&] {
    return relay->Metric("outbox_unpublished_events{source=\"test\"}") == 0 &&
           Published(*relay) >= kTransactions * kEvents;
  });
  const std::vector<Received> records = Read(kTransactions * kEvents);
  ExpectOrder(records, kTransactions, kEvents);
  // Whole transactions that were on their way are not sent again; only one that broke off is.
  EXPECT_LE(records.size(), (kTransactions + 3) * kEvents);
  EXPECT_GE(relay->Metric("outbox_relay_stream_starts_total{source=\"test\"}"), 2);
}

TEST_F(RecoveryTest, AfterACleanStopNothingComesAgain) {
  {
    auto relay = StartRelay();
    InsertEvents("first", 500);
    Eventually("all is out", [&] { return Published(*relay) == 500; });
    EXPECT_EQ(relay->Stop(), 0);
    EXPECT_THAT(relay->log(), HasSubstr("exit_code=0"));
  }
  InsertEvents("second", 500);
  auto relay = StartRelay();
  EXPECT_EQ(Read(1'000).size(), 1'000u);
}

// Before a round of the watch has recorded anything of the session.
TEST_F(RecoveryTest, AStopRightAfterTheStartRepeatsNothing) {
  for (int run = 1; run <= 10; ++run) {
    InsertEvents(absl::StrCat("run", run, "-"), 1);
    auto relay = StartRelay();
    Eventually("it streams", [&] { return SlotActive(); });
    EXPECT_EQ(relay->Stop(), 0);
  }
  auto relay = StartRelay();
  EXPECT_EQ(Read(10).size(), 10u);
}

// At once (the smoke test says how fast), and not because of a timeout.
TEST_F(RecoveryTest, AStandbyTakesOverFromOneThatIsKilled) {
  auto first = StartRelay({"--wal_sender_timeout_s=60"});
  Eventually("the first streams", [&] { return SlotActive(); });
  auto standby = StartRelay({"--wal_sender_timeout_s=60"});
  Eventually("the second waits",
             [&] { return standby->log().find("waiting as standby") != std::string::npos; });
  Eventually("and is ready",
             [&] { return standby->Get("/readyz").find("ok test") != std::string::npos; });
  InsertEvents("before", 1);
  Read(1);
  first->Kill();
  const auto killed = Clock::now();
  InsertEvents("after", 1);
  Eventually("the second publishes", [&] { return Published(*standby) >= 1; });
  RecordProperty("takeover_ms",
                 static_cast<int>((Clock::now() - killed) / std::chrono::milliseconds(1)));
  Read(2);
}

TEST_F(RecoveryTest, KafkaThatIsNotThereYetIsWaitedForAndThePositionStays) {
  PortForward bootstrap(kafka_.brokers);
  auto relay = StartRelay({"--wal_sender_timeout_s=3"}, bootstrap.address());
  Eventually("it streams", [&] { return SlotActive(); });
  InsertEvents("event", 5'000);
  Eventually("it waits aloud",
             [&] { return relay->log().find("an event waits for Kafka") != std::string::npos; });
  const std::string confirmed = SlotConfirmed();
  Eventually("the lag shows",
             [&] { return relay->Metric("outbox_unpublished_events{source=\"test\"}") == 5'000; });
  // It answers Postgres for longer than the timeout that would cut it off.
  std::this_thread::sleep_for(std::chrono::seconds(7));
  EXPECT_TRUE(SlotActive());
  EXPECT_EQ(relay->Metric("outbox_relay_stream_starts_total{source=\"test\"}"), 1);
  EXPECT_EQ(SlotConfirmed(), confirmed);
  bootstrap.Open();
  EXPECT_EQ(Read(5'000).size(), 5'000u);
  Eventually("nothing is unpublished",
             [&] { return relay->Metric("outbox_unpublished_events{source=\"test\"}") == 0; });
}

TEST_F(RecoveryTest, AMissingTopicIsWaitedForAloud) {
  const std::string missing = testsupport::UniqueName("relay-missing-");
  auto relay = StartRelay();
  Execute(
      absl::StrCat("INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) "
                   "VALUES (gen_random_uuid(), 'T', 'k', 'T', 'first', '",
                   missing, "')"));
  InsertEvents("behind", 10);
  Eventually("it says so", [&] {
    return relay->log().find(absl::StrCat("create the topic ", missing)) != std::string::npos;
  });
  // A topic that is only late, as on a first start, is no error.
  EXPECT_THAT(relay->log(), Not(HasSubstr("ERROR outbox-relay: an event waits")));
  Eventually("it becomes an error", [&] {
    return relay->log().find("ERROR outbox-relay: an event waits") != std::string::npos;
  });
  MakeTopic(missing, 1);
  EXPECT_EQ(Read(missing, 1).at(0).value, "first");
  EXPECT_EQ(Read(10).size(), 10u);
}

}  // namespace
}  // namespace relay
