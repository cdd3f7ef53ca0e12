// Healing takes as long as there are rows: a pause and a stop do not wait for its end.
#include <gmock/gmock.h>

#include "outbox-relay/testing/history_fixture.h"
#include "outbox-relay/testing/verb_run.h"

namespace relay {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LeavingOffTest : public HistoryFixture {
 protected:
  // Something to heal, of which half an hour would not be enough: the topic is not there.
  void SetUp() override {
    HistoryFixture::SetUp();
    PublishAndDie();
    DropSlot();
    Execute(
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, topic) VALUES "
        "(gen_random_uuid(), 'T', 'k', 'T', '" +
        missing_ + "')");
    InsertEvents("in no stream", 1'000);
  }
  std::unique_ptr<RelayProcess> StartHealing() {
    auto relay = StartRelay({"--heal=table", "--missing_topic_wait_s=1800"});
    Eventually("it heals", [&] { return Heals(); });
    return relay;
  }
  bool Heals() const {
    return database_.Count(
               "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'outbox-relay heal' "
               "AND datname = current_database()") > 1;
  }

  const std::string missing_ = testsupport::UniqueName("relay-missing-");
};

TEST_F(LeavingOffTest, APauseEndsItAndAResumeBeginsItAnew) {
  auto relay = StartHealing();
  const VerbRun pause = RunVerb({"pause", "--source=test=" + database_.relay()});
  EXPECT_EQ(pause.exit_code, 0) << pause.output;
  Eventually("it heals no more", [&] { return !Heals(); });
  EXPECT_THAT(relay->log(), Not(HasSubstr("healed from the outbox's rows")));
  Eventually("a source that is paused is ready",
             [&] { return relay->Get("/readyz").find("ok test") != std::string::npos; });
  MakeTopic(missing_);
  EXPECT_EQ(RunVerb({"resume", "--source=test=" + database_.relay()}).exit_code, 0);
  EXPECT_EQ(Ids(Read(1'100)).size(), 1'100u);
  EXPECT_EQ(Read(missing_, 1).size(), 1u);
}

// It has made the slot anew by then, which without the operator's word would be a finding.
TEST_F(LeavingOffTest, WhatAnOperatorHasAskedForBeginsAnewWithoutAFlag) {
  MakeSlot();
  Execute("UPDATE outbox_relay_state SET system_id = '1'");
  auto relay = StartRelay({"--missing_topic_wait_s=1800"});
  ExpectRefused(*relay, "no row can be proven published");
  ASSERT_NO_FATAL_FAILURE(AcceptRowsUpTo(100));
  Eventually("it heals", [&] { return Heals(); });
  EXPECT_EQ(RunVerb({"pause", "--source=test=" + database_.relay()}).exit_code, 0);
  const VerbRun doctor = RunVerb(
      {"doctor", "--source=test=" + database_.relay(), "--kafka_brokers=" + kafka_.brokers});
  EXPECT_THAT(doctor.output, HasSubstr("WARN test  pause: paused since"));
  EXPECT_EQ(RunVerb({"resume", "--source=test=" + database_.relay()}).exit_code, 0);
  MakeTopic(missing_);
  EXPECT_EQ(Ids(Read(1'100)).size(), 1'100u);
  EXPECT_EQ(Read(missing_, 1).size(), 1u);
  Eventually("it streams", [&] { return SlotActive(); });
}

TEST_F(LeavingOffTest, AStopEndsItInOrder) {
  auto relay = StartHealing();
  EXPECT_EQ(relay->Stop(), 0);
}

}  // namespace
}  // namespace relay
