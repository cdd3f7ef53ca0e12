#include "outbox-relay/parking/recovery.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

using Kind = PublishFailure::Kind;
using Step = Recovery::Step;

PublishFailure Refused(bool alone, bool too_large = true) {
  return {.kind = Kind::kRefused, .event_id = "e", .too_large = too_large, .alone = alone};
}

TEST(RecoveryTest, WhatIsNotOneEventsFaultParksNothing) {
  Recovery recovery;
  for (const Kind kind : {Kind::kProducerBroken, Kind::kMissingTopic}) {
    EXPECT_EQ(recovery.OnFailure({.kind = kind, .alone = true}, Lsn{9}), Step::kStartOver);
  }
  EXPECT_EQ(recovery.batch_bytes(), 0u);
}

TEST(RecoveryTest, AnEventThatWasAloneIsParkedAtOnce) {
  Recovery recovery;
  EXPECT_EQ(recovery.OnFailure(Refused(/*alone=*/true), Lsn{9}), Step::kPark);
  EXPECT_EQ(recovery.batch_bytes(), 0u);
  EXPECT_FALSE(recovery.alone_until());
}

TEST(RecoveryTest, ATopicThatIsRefusedNeedsNoTrial) {
  Recovery recovery;
  PublishFailure failure = Refused(/*alone=*/false, /*too_large=*/false);
  failure.whole_topic = true;
  EXPECT_EQ(recovery.OnFailure(failure, Lsn{9}), Step::kPark);
}

TEST(RecoveryTest, AnEventOfABatchIsTriedAloneFirst) {
  Recovery recovery;
  EXPECT_EQ(recovery.OnFailure(Refused(/*alone=*/false), Lsn{9}), Step::kStartOver);
  EXPECT_EQ(recovery.batch_bytes(), 1u);
  EXPECT_EQ(recovery.alone_until(), Lsn{9});
  // The guilty one is found, and perhaps another.
  EXPECT_EQ(recovery.OnFailure(Refused(/*alone=*/true), Lsn{7}), Step::kPark);
  EXPECT_EQ(recovery.batch_bytes(), 1u);
  EXPECT_EQ(recovery.alone_until(), Lsn{9});
  recovery.Passed();
  EXPECT_EQ(recovery.batch_bytes(), 0u) << "an event was too large, not the batches";
  EXPECT_FALSE(recovery.alone_until());
}

TEST(RecoveryTest, BatchesShrinkIfNoEventWasGuilty) {
  Recovery recovery;
  recovery.SetUsualBatchBytes(8'000);
  for (const size_t expected : {4'000u, 2'000u, 1'024u, 1'024u}) {
    EXPECT_EQ(recovery.OnFailure(Refused(/*alone=*/false), Lsn{9}), Step::kStartOver);
    recovery.Passed();
    EXPECT_EQ(recovery.batch_bytes(), expected);
  }
}

TEST(RecoveryTest, BatchesKeepTheirSizeIfItWasNotAboutSize) {
  Recovery recovery;
  EXPECT_EQ(recovery.OnFailure(Refused(/*alone=*/false, /*too_large=*/false), Lsn{9}),
            Step::kStartOver);
  recovery.Passed();
  EXPECT_EQ(recovery.batch_bytes(), 0u);
}

}  // namespace
}  // namespace relay
