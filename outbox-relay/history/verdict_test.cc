#include "outbox-relay/history/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "outbox-relay/history/explain_finding.h"

namespace relay {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

HistoryRecord Record(uint64_t confirmed) {
  return {.source = "shop",
          .slot = "outbox_shop",
          .system_id = "7",
          .timeline = 1,
          .confirmed = Lsn{confirmed},
          .snapshot = "10:10:",
          .snapshot_at = Lsn{confirmed - 10}};
}

// The usual: both records, the slot a little behind them, the log further on.
Evidence Usual() {
  return {.slot = {.name = "outbox_shop",
                   .wanted_database = "shop",
                   .exists = true,
                   .type = "logical",
                   .plugin = "pgoutput",
                   .database = "shop",
                   .confirmed = Lsn{900},
                   .create_sql = "SELECT make_it"},
          .topic_read = true,
          .topic = Record(950),
          .database = Record(1'000),
          .server = {.system_id = "7", .timeline = 1, .flushed = Lsn{5'000}}};
}

void ExpectSame(const Evidence& evidence, uint64_t resume) {
  const Verdict verdict = Judge(evidence);
  EXPECT_EQ(verdict.finding, Finding::kSame) << verdict.what;
  EXPECT_EQ(verdict.resume, Lsn{resume});
}

// What a person is told.
std::string Refused(const Evidence& evidence, Finding finding) {
  const Verdict verdict = Judge(evidence);
  EXPECT_EQ(verdict.finding, finding) << verdict.what;
  if (verdict.ok()) return "";
  EXPECT_FALSE(verdict.id.empty());
  return std::string(ExplainFinding(verdict, "shop").message());
}

// A standby that has synchronized the slot was promoted at 2,000.
Evidence Promoted() {
  Evidence evidence = Usual();
  evidence.slot.synchronized = true;
  evidence.server.timeline = 2;
  evidence.timeline_history = "1\t0/7D0\tno recovery target specified\n";
  return evidence;
}

TEST(VerdictTest, APromotedStandbyWithTheSlotGoesOn) {
  const Verdict verdict = Judge(Promoted());
  EXPECT_EQ(verdict.finding, Finding::kFailedOver) << verdict.what;
  EXPECT_TRUE(verdict.ok());
  EXPECT_EQ(verdict.resume, Lsn{1'000});
  ASSERT_TRUE(verdict.successor.has_value());
  EXPECT_EQ(verdict.successor->generation, 2);
  EXPECT_EQ(verdict.successor->timeline, 2u);
  EXPECT_EQ(verdict.successor->snapshot, "10:10:");
  EXPECT_TRUE(verdict.successor->samples.empty());
}

TEST(VerdictTest, APromotedStandbyMayNotHaveGotTheLastRecord) {
  Evidence evidence = Promoted();
  evidence.topic = Record(1'500);
  evidence.slot.confirmed = Lsn{900};
  Verdict verdict = Judge(evidence);
  EXPECT_EQ(verdict.finding, Finding::kFailedOver) << verdict.what;
  EXPECT_EQ(verdict.resume, Lsn{1'000}) << "what was parked since is perhaps not there";
  EXPECT_EQ(verdict.successor->confirmed, Lsn{1'000});
  EXPECT_EQ(verdict.successor->snapshot_at, Lsn{990}) << "of the row, which came with the rows";
  evidence.slot.confirmed = Lsn{1'400};
  verdict = Judge(evidence);
  EXPECT_EQ(verdict.finding, Finding::kOtherTimeline) << "the slot is beyond it";
  EXPECT_TRUE(verdict.basis.has_value()) << "healing finds what is missing";
}

TEST(VerdictTest, APromotedStandbyThatLacksSomethingIsAnotherTimeline) {
  std::vector<Evidence> all(9, Promoted());
  all[0].slot.synchronized = false;    // made by somebody since, or copied
  all[1].slot.confirmed = Lsn{1'001};  // moved
  all[2].topic = Record(2'001);        // published what was lost with the primary
  all[3].database = Record(2'001);
  all[4].timeline_history = "";  // no descendant
  all[5].timeline_history = "2\t0/7D0\tx\n";
  all[6].slot.lost = true;
  all[7].database.reset();
  all[8].database->publication = "16387 t";
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(Judge(all[i]).finding, Finding::kOtherTimeline) << i;
    EXPECT_FALSE(Judge(all[i]).successor.has_value()) << i;
  }
  EXPECT_THAT(Judge(all[8]).what, HasSubstr("and the publication was altered"));
  Evidence other_cluster = Promoted();
  other_cluster.server.system_id = "8";
  EXPECT_EQ(Judge(other_cluster).finding, Finding::kOtherSystem);
}

TEST(VerdictTest, NothingRecordedIsAFirstStart) {
  Evidence evidence = Usual();
  evidence.topic.reset();
  evidence.database.reset();
  EXPECT_EQ(Judge(evidence).finding, Finding::kFirst);
  EXPECT_EQ(Judge(evidence).resume, Lsn{});
  evidence.slot.exists = false;
  EXPECT_EQ(Judge(evidence).finding, Finding::kFirst) << "it may never have been made";
}

TEST(VerdictTest, WhatCrashesLeaveIsNoFinding) {
  ExpectSame(Usual(), 1'000);
  Evidence evidence = Usual();
  evidence.slot.confirmed = Lsn{1'000};  // a clean stop
  ExpectSame(evidence, 1'000);
  evidence.slot.confirmed = Lsn{1};  // Postgres crashed, its slot fell back
  ExpectSame(evidence, 1'000);
  evidence.server.flushed = Lsn{1'000};  // and nothing was written since
  ExpectSame(evidence, 1'000);
  evidence.topic = Record(1'000);
  ExpectSame(evidence, 1'000);
  evidence.topic.reset();  // Kafka was away, or lost the topic
  ExpectSame(evidence, 1'000);
  evidence.topic_read = false;
  ExpectSame(evidence, 1'000);
}

TEST(VerdictTest, TheTopicAloneIsEnough) {
  Evidence evidence = Usual();
  evidence.database.reset();
  ExpectSame(evidence, 950);
  evidence.server.system_id = "8";
  Refused(evidence, Finding::kOtherSystem);
}

TEST(VerdictTest, AnotherClusterHasNoSnapshotThatCounts) {
  Evidence evidence = Usual();
  evidence.server.system_id = "8";
  EXPECT_THAT(Refused(evidence, Finding::kOtherSystem),
              AllOf(HasSubstr("system identifier 8, not 7"), HasSubstr("bring the right one back"),
                    HasSubstr("--published_up_to_seq=N"), Not(HasSubstr("--heal=table"))));
  EXPECT_FALSE(Judge(evidence).basis);
}

TEST(VerdictTest, AnotherTimelineHealsFromTheDatabasesCopyAlone) {
  Evidence evidence = Usual();
  evidence.server.timeline = 2;
  evidence.slot.exists = false;  // slots do not come along
  evidence.database->snapshot = "the database's";
  EXPECT_THAT(Refused(evidence, Finding::kOtherTimeline),
              AllOf(HasSubstr("timeline 2, before on 1"), HasSubstr("--heal=table")));
  EXPECT_EQ(Judge(evidence).basis->snapshot, "the database's");
  evidence.database.reset();
  EXPECT_FALSE(Judge(evidence).basis);
}

TEST(VerdictTest, ALogThatEndsBeforeTheRecordHasLostWrites) {
  Evidence evidence = Usual();
  evidence.server.flushed = Lsn{999};
  EXPECT_THAT(Refused(evidence, Finding::kLostWrites), HasSubstr("has lost writes"));
  EXPECT_FALSE(Judge(evidence).basis) << "its row is of the log that is gone";
  evidence.database = Record(800);
  evidence.topic = Record(1'000);
  Refused(evidence, Finding::kLostWrites);
  EXPECT_EQ(Judge(evidence).basis->confirmed, Lsn{800});
}

TEST(VerdictTest, ARowBehindTheTopicIsAnOlderCopyOfTheData) {
  Evidence evidence = Usual();
  evidence.topic = Record(1'001);
  EXPECT_THAT(Refused(evidence, Finding::kRolledBack), HasSubstr("gone back in time"));
  EXPECT_EQ(Judge(evidence).basis->confirmed, Lsn{1'000});
  evidence.topic = Record(500);
  evidence.topic->generation = 2;
  Refused(evidence, Finding::kRolledBack);
}

TEST(VerdictTest, ATopicsCopyFromBeforeAnAcceptedChangeSaysNothing) {
  Evidence evidence = Usual();
  evidence.database->generation = 2;
  evidence.topic->system_id = "another";
  evidence.topic->confirmed = Lsn{4'000};
  ExpectSame(evidence, 1'000);
  evidence.topic->slot = "outbox_another";
  ExpectSame(evidence, 1'000);
}

TEST(VerdictTest, ACopyOfAnotherDatabase) {
  Evidence evidence = Usual();
  evidence.database.reset();
  evidence.topic.reset();
  evidence.other_slot = "outbox_original";
  EXPECT_THAT(Refused(evidence, Finding::kOtherDatabase), HasSubstr("the slot outbox_original"));
  EXPECT_FALSE(Judge(evidence).basis);
  evidence.other_slot.clear();
  evidence.topic = Record(1);
  evidence.topic->slot = "outbox_other";
  EXPECT_THAT(Refused(evidence, Finding::kOtherDatabase), HasSubstr("the slot outbox_other"));
}

TEST(VerdictTest, ASlotThatIsGoneLostOrForeign) {
  Evidence evidence = Usual();
  evidence.slot.exists = false;
  EXPECT_THAT(Refused(evidence, Finding::kSlotMissing),
              AllOf(HasSubstr("outbox_shop is gone"), HasSubstr("--heal=table"),
                    HasSubstr("(drop the old one, if it is there; SELECT make_it)")));
  EXPECT_EQ(Judge(evidence).basis->confirmed, Lsn{1'000});
  evidence = Usual();
  evidence.slot.lost = true;
  EXPECT_THAT(Refused(evidence, Finding::kSlotLost), HasSubstr("max_slot_wal_keep_size"));
  evidence = Usual();
  evidence.slot.plugin = "wal2json";
  EXPECT_THAT(Refused(evidence, Finding::kSlotForeign), HasSubstr("plugin wal2json"));
  evidence = Usual();
  evidence.slot.database = "other";
  EXPECT_THAT(Refused(evidence, Finding::kSlotForeign), HasSubstr("database other"));
}

TEST(VerdictTest, ASlotAheadOfTheRecordWasMoved) {
  Evidence evidence = Usual();
  evidence.slot.confirmed = Lsn{1'001};
  const Verdict first = Judge(evidence);
  EXPECT_THAT(Refused(evidence, Finding::kSlotMoved),
              AllOf(HasSubstr("stands at 0/3E9"), HasSubstr("published up to 0/3E8"),
                    HasSubstr("accept-history --source=shop=… --finding=" + first.id)));
  evidence.slot.confirmed = Lsn{1'002};
  EXPECT_NE(Judge(evidence).id, first.id) << "what was accepted once is not accepted for ever";
}

TEST(VerdictTest, APublicationThatIsNotTheRecordedOneHasChanged) {
  Evidence evidence = Usual();
  evidence.publication = "now";
  ExpectSame(evidence, 1'000);  // nothing was noted of it
  evidence.database->publication = "now";
  ExpectSame(evidence, 1'000);
  evidence.database->publication = "before";
  EXPECT_THAT(Refused(evidence, Finding::kPublicationChanged), HasSubstr("--heal=table"));
  EXPECT_EQ(Judge(evidence).basis->confirmed, Lsn{1'000});
  evidence.slot.exists = false;
  EXPECT_EQ(Judge(evidence).finding, Finding::kSlotMissing);
}

TEST(VerdictTest, WithoutASnapshotNothingCanBeHealed) {
  Evidence evidence = Usual();
  evidence.slot.exists = false;
  evidence.database->snapshot.clear();
  EXPECT_FALSE(Judge(evidence).basis);
}

}  // namespace
}  // namespace relay
