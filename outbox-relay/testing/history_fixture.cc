#include "outbox-relay/testing/history_fixture.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "outbox-relay/history/state_topic.h"

namespace relay {

using ::testing::HasSubstr;

void HistoryFixture::SetUp() {
  MakeSlot();
  // Else the relay makes them, and moves rows whose random ids are of those days out of DEFAULT: a
  // count at that moment misses them.
  Execute("SELECT partitions_create_ahead('outbox', 7)");
  MakeTopic(topic_);
}

void HistoryFixture::DropSlot() {
  Execute(absl::StrCat("SELECT pg_drop_replication_slot('", Slot(), "')"));
}

void HistoryFixture::AdvanceSlot() {
  Execute(absl::StrCat("SELECT pg_replication_slot_advance('", Slot(), "', pg_current_wal_lsn())"));
}

void HistoryFixture::PublishAndDie(const std::string& prefix, std::vector<std::string> flags) {
  auto relay = StartRelay(std::move(flags));
  InsertEvents(prefix, 100);
  Eventually("all is recorded as published", [&] {
    return relay->Metric("outbox_published_events_total{source=\"test\"}") >= 100 &&
           Unrecorded() == 0;
  });
  Eventually("Kafka has a copy", [&] {
    const auto copy = ReadStateTopic({.kafka = kafka_, .topic = state_topic_, .source = "test"},
                                     std::chrono::seconds(5));
    return copy.ok() && copy->has_value();
  });
  relay->Kill();
  Eventually("the slot is let go", [&] { return !SlotActive(); });
}

void HistoryFixture::ExpectRefused(const RelayProcess& relay, const std::string& what) {
  Eventually("it says: " + what, [&] { return relay.log().find(what) != std::string::npos; });
  EXPECT_THAT(relay.log(), HasSubstr("Choices: (1)"));
  EXPECT_THAT(relay.Get("/readyz"), HasSubstr("failed test: "));
  EXPECT_EQ(relay.Metric("outbox_relay_history_changed{source=\"test\"}"), 1);
  EXPECT_FALSE(SlotActive());
}

AcceptOptions HistoryFixture::Accepting(const std::string& finding) const {
  return {.conninfo = database_.relay(),
          .topic = {.kafka = kafka_, .topic = state_topic_, .source = "test"},
          .finding = finding,
          .published_up_to_seq = -1};
}

void HistoryFixture::AcceptRowsUpTo(int64_t seq) const {
  AcceptOptions accepting = Accepting(Finding());
  accepting.published_up_to_seq = seq;
  const absl::StatusOr<std::string> accepted = AcceptHistory(accepting);
  ASSERT_TRUE(accepted.ok()) << accepted.status();
}

std::string HistoryFixture::Finding() const {
  const absl::StatusOr<std::string> told = AcceptHistory(Accepting());
  EXPECT_TRUE(told.ok()) << told.status();
  const size_t at = told.ok() ? told->find("--finding=") : std::string::npos;
  return at == std::string::npos ? "none" : told->substr(at + 10, 8);
}

}  // namespace relay
