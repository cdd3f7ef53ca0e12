#include "outbox-relay/health/stall_detector.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

using std::chrono::seconds;

class StallDetectorTest : public ::testing::Test {
 protected:
  void Look(seconds at) { detector_.Look(seen_, Time(at)); }
  static StallDetector::Time Time(seconds at) { return StallDetector::Time(at); }
  bool StalledAt(seconds at) {
    Look(at);
    return detector_.Stalled(Time(at));
  }

  StallDetector detector_{seconds(60)};
  StallDetector::Seen seen_{.streaming = true,
                            .postgres_answers = true,
                            .something_to_send = true,
                            .confirmed = Lsn{100},
                            .acknowledged_events = 7};
};

TEST_F(StallDetectorTest, StandingStillWithSomethingToSendIsAStall) {
  EXPECT_FALSE(StalledAt(seconds(0)));
  EXPECT_FALSE(StalledAt(seconds(59)));
  EXPECT_TRUE(StalledAt(seconds(60)));
}

TEST_F(StallDetectorTest, AnyMovementStartsTheClockAnew) {
  Look(seconds(0));
  seen_.confirmed = Lsn{101};
  Look(seconds(50));
  EXPECT_FALSE(StalledAt(seconds(100)));
  // A large transaction: events are acknowledged, and the position waits for its end.
  seen_.acknowledged_events = 8;
  EXPECT_FALSE(StalledAt(seconds(109)));
  EXPECT_TRUE(StalledAt(seconds(169)));
}

TEST_F(StallDetectorTest, WhatARestartWouldNotMendIsNoStall) {
  for (bool StallDetector::Seen::*reason :
       {&StallDetector::Seen::streaming, &StallDetector::Seen::postgres_answers,
        &StallDetector::Seen::something_to_send}) {
    Look(seconds(0));
    seen_.*reason = false;
    EXPECT_FALSE(StalledAt(seconds(1000)));
    seen_.*reason = true;
    EXPECT_FALSE(StalledAt(seconds(1001))) << "the clock starts anew";
    EXPECT_TRUE(StalledAt(seconds(1061)));
  }
}

TEST_F(StallDetectorTest, AKafkaThatIsSilentIsAReason) {
  Look(seconds(0));
  EXPECT_FALSE(detector_.Suspects(Time(seconds(19))));
  EXPECT_TRUE(detector_.Suspects(Time(seconds(20))));
  detector_.KafkaIsSilent(Time(seconds(40)));
  EXPECT_FALSE(StalledAt(seconds(99)));
  EXPECT_TRUE(StalledAt(seconds(100)));
}

}  // namespace
}  // namespace relay
