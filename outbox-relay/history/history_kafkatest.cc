// A slot that is not as relays have left it, and the record that shows it.
#include <gmock/gmock.h>

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "outbox-relay/history/accept.h"
#include "outbox-relay/source/lsn.h"
#include "outbox-relay/testing/history_fixture.h"
#include "outbox-relay/testing/port_forward.h"
#include "outbox-relay/testing/topic_admin.h"
#include "outbox-relay/testing/verb_run.h"

namespace relay {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HistoryTest : public HistoryFixture {
 protected:
  void EventuallyKafkaHasACopy() {
    Eventually("Kafka has a copy", [&] {
      auto topic = ReadStateTopic(Accepting().topic, std::chrono::seconds(5));
      return topic.ok() && *topic && !(*topic)->snapshot.empty() && !(*topic)->offsets.empty();
    });
  }
};

TEST_F(HistoryTest, ThePositionIsRecordedBeforeTheSlotHearsOfIt) {
  auto relay = StartRelay();
  std::set<std::string> compared;
  Eventually("twenty positions were told", [&] {
    InsertEvents(absl::StrCat(compared.size(), "-"), 5);
    // Asked in this order: a record is made before its position is told.
    const std::string slot = SlotConfirmed();
    const absl::StatusOr<Lsn> recorded =
        ParseLsn(database_.Ask("SELECT confirmed::text FROM outbox_relay_state"));
    if (!recorded.ok()) return false;  // no row yet
    EXPECT_LE(*ParseLsn(slot), *recorded);
    compared.insert(slot);
    return compared.size() >= 20;
  });
  const absl::StatusOr<Lsn> written = ParseLsn(database_.Ask("SELECT pg_current_wal_lsn()::text"));
  ASSERT_TRUE(written.ok());
  Eventually("the slot has it all", [&] { return *ParseLsn(SlotConfirmed()) >= *written; });
  EventuallyKafkaHasACopy();
  EXPECT_EQ(relay->Stop(), 0);
}

// The same list of properties is for who publishes and for who writes the copy and reads it.
TEST_F(HistoryTest, AUsersKafkaPropertiesDoNotKeepTheCopyAway) {
  auto relay = StartRelay({"--kafka_property=linger.ms=5",
                           "--kafka_property=queue.buffering.max.messages=100000",
                           "--kafka_property=fetch.wait.max.ms=50",
                           "--kafka_property=queued.max.messages.kbytes=4096"});
  InsertEvents("event", 5);
  EventuallyKafkaHasACopy();
  EXPECT_THAT(relay->log(), Not(HasSubstr("cannot be recorded")));
}

TEST_F(HistoryTest, NoKillIsMistakenForAChange) {
  for (int round = 0; round < 8; ++round) {
    auto relay = StartRelay();
    Eventually("it streams", [&] { return SlotActive(); });
    for (int batch = 0; batch < 20; ++batch) InsertEvents(absl::StrCat(round, "-", batch), 500);
    // Killed while it publishes, records and tells: each time a little later.
    Eventually("it publishes", [&] {
      return relay->Metric("outbox_published_events_total{source=\"test\"}") > round * 1'000;
    });
    EXPECT_THAT(relay->log(), Not(HasSubstr("Choices")));
    relay->Kill();
  }
  auto relay = StartRelay();
  EXPECT_EQ(Ids(Read(8 * 20 * 500)).size(), 8u * 20 * 500);
  EXPECT_THAT(relay->log(), Not(HasSubstr("Choices")));
}

TEST_F(HistoryTest, ARecordThatCannotBeReadStopsItAndTheWayOutIsNamed) {
  PublishAndDie();
  Execute("UPDATE outbox_relay_state SET details = 'garbage'");
  InsertEvents("more", 10);
  auto relay = StartRelay();
  const std::string way_out = "DELETE FROM outbox_relay_state WHERE slot = '" + Slot() + "'";
  Eventually("it says so", [&] { return relay->log().find(way_out) != std::string::npos; });
  const VerbRun doctor =
      RunVerb({"doctor", "--source=test=" + database_.relay(), "--kafka_brokers=" + kafka_.brokers,
               "--state_topic=" + state_topic_});
  EXPECT_EQ(doctor.exit_code, 1);
  EXPECT_THAT(doctor.output, HasSubstr("FAIL test  history: outbox_relay_state: "));
  Execute(way_out);
  EXPECT_EQ(Ids(Read(110)).size(), 110u);
}

TEST_F(HistoryTest, ATombstoneInTheTopicEndsTheSearchForARecord) {
  PublishAndDie();
  const StateTopicOptions topic{.kafka = kafka_, .topic = state_topic_, .source = "test"};
  WriteRecords(kafka_, topic.topic, "test", "garbage");
  EXPECT_FALSE(ReadStateTopic(topic, std::chrono::seconds(30)).ok());
  WriteRecords(kafka_, topic.topic, "test", std::nullopt);
  // More than are looked at first.
  WriteRecords(kafka_, topic.topic, "another source", "{}", 300);
  const auto copy = ReadStateTopic(topic, std::chrono::seconds(30));
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_FALSE(copy->has_value());
}

TEST_F(HistoryTest, ASlotThatWasDroppedIsNoticed) {
  PublishAndDie();
  DropSlot();
  InsertEvents("in no stream", 50);
  auto relay = StartRelay();
  ExpectRefused(*relay, "the replication slot " + Slot() + " is gone");
  const VerbRun doctor =
      RunVerb({"doctor", "--source=test=" + database_.relay(), "--kafka_brokers=" + kafka_.brokers,
               "--state_topic=" + state_topic_});
  EXPECT_THAT(doctor.output, HasSubstr("FAIL test  history: the replication slot"));
}

TEST_F(HistoryTest, ASlotThatWasMadeAgainIsNoticedAndAcceptedByName) {
  PublishAndDie();
  DropSlot();
  InsertEvents("in no stream", 50);
  MakeSlot();
  auto relay = StartRelay();
  ExpectRefused(*relay, "somebody moved it or made it again");
  const std::string finding = Finding();
  EXPECT_THAT(relay->log(), HasSubstr("--finding=" + finding));

  const auto wrong = AcceptHistory(Accepting("00000000"));
  EXPECT_EQ(wrong.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr(finding));
  const auto accepted = AcceptHistory(Accepting(finding));
  ASSERT_TRUE(accepted.ok()) << accepted.status();
  EXPECT_THAT(*accepted, HasSubstr("Accepted (slot_moved)"));
  // The relay that waits goes on by itself.
  Eventually("it streams", [&] { return SlotActive(); });
  InsertEvents("after", 10);
  Read(110);
  EXPECT_EQ(relay->Metric("outbox_relay_history_changed{source=\"test\"}"), 0);
  relay->Kill();

  // It was accepted once, not for ever.
  Eventually("the slot is let go", [&] { return !SlotActive(); });
  DropSlot();
  MakeSlot();
  auto again = StartRelay();
  ExpectRefused(*again, "somebody moved it or made it again");
  EXPECT_EQ(AcceptHistory(Accepting(finding)).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(HistoryTest, ASlotThatIsMadeAgainWhileARelayLooksElsewhereIsNoticed) {
  PublishAndDie();
  // It looks at the slot, and then waits for Kafka's copy of the record.
  PortForward closed(kafka_.brokers);
  auto relay = StartRelay({}, closed.address());
  Eventually("it looks", [&] {
    return database_.Count(
               "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender' AND "
               "datname = current_database()") == 1;
  });
  relay->Freeze();
  ASSERT_FALSE(SlotActive());
  InsertEvents("in no stream", 50);
  DropSlot();
  MakeSlot();
  relay->Thaw();
  ExpectRefused(*relay, "somebody moved it or made it again");
}

TEST_F(HistoryTest, ASlotThatWasMovedOnIsNoticed) {
  PublishAndDie();
  InsertEvents("skipped", 1);
  AdvanceSlot();
  auto relay = StartRelay();
  ExpectRefused(*relay, "somebody moved it or made it again");
}

TEST_F(HistoryTest, ARelayThatLivesThroughItNoticesToo) {
  auto relay = StartRelay();
  InsertEvents("published", 100);
  Read(100);
  Execute(
      absl::StrCat("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE "
                   "slot_name = '",
                   Slot(),
                   "'; INSERT INTO outbox (id, aggregatetype, "
                   "aggregateid, type, topic) VALUES (gen_random_uuid(), '', 'k', 't', '",
                   topic_, "')"));
  const std::string drop = absl::StrCat(
      "DO $$ BEGIN LOOP BEGIN PERFORM pg_drop_replication_slot('", Slot(),
      "'); EXIT; EXCEPTION WHEN object_in_use THEN PERFORM pg_terminate_backend(active_pid) FROM "
      "pg_replication_slots WHERE slot_name = '",
      Slot(), "'; END; END LOOP; END $$");
  Execute(drop);
  ExpectRefused(*relay, "is gone");
}

TEST_F(HistoryTest, ASlotOfAnotherPluginInItsPlaceIsNoticed) {
  PublishAndDie();
  DropSlot();
  Execute(
      absl::StrCat("SELECT pg_create_logical_replication_slot('", Slot(), "', 'test_decoding')"));
  auto relay = StartRelay();
  ExpectRefused(*relay, "is somebody else's: of type logical, plugin test_decoding");
}

TEST_F(HistoryTest, ARecordThatIsNotTheDatabasesOwnIsNoticed) {
  PublishAndDie();
  Execute("UPDATE outbox_relay_state SET system_id = '1'");
  auto relay = StartRelay();
  ExpectRefused(*relay, "Postgres is another cluster than before");
  Execute(absl::StrCat("UPDATE outbox_relay_state SET confirmed = '0/1', system_id = ",
                       "(SELECT system_identifier::text FROM pg_control_system())"));
  Eventually("it sees that the row is older than the topic's copy", [&] {
    return relay->log().find("the database has gone back in time") != std::string::npos;
  });
}

}  // namespace
}  // namespace relay
