#include "outbox-relay/source/confirm_schedule.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const ConfirmSchedule::Time kStart{std::chrono::hours(1)};

TEST(ConfirmScheduleTest, ANewPositionWaitsForTheGapOnlyUnderLoad) {
  ConfirmSchedule schedule(seconds(10), kStart);
  schedule.Sent(Lsn{5}, kStart);
  EXPECT_EQ(schedule.Due(Lsn{5}), kStart + seconds(1));
  EXPECT_EQ(schedule.Due(Lsn{6}), kStart + milliseconds(100));
}

TEST(ConfirmScheduleTest, ANoteIsDueLongBeforeTheServersTimeout) {
  EXPECT_EQ(ConfirmSchedule(seconds(60), kStart).Due(Lsn{}), kStart + seconds(1));
  EXPECT_EQ(ConfirmSchedule(milliseconds(1500), kStart).Due(Lsn{}), kStart + milliseconds(500));
}

TEST(ConfirmScheduleTest, AWantedReplyIsDueAtOnceButNotInALoop) {
  ConfirmSchedule schedule(seconds(10), kStart);
  schedule.WantReply();
  EXPECT_EQ(schedule.Due(Lsn{}), kStart + milliseconds(10));
  schedule.Sent(Lsn{}, kStart + milliseconds(10));
  EXPECT_EQ(schedule.Due(Lsn{}), kStart + milliseconds(1010));
}

// Asks every half second from `from` to `to`; answers what the last one said.
bool AskAllAlong(StopDetector& detector, Lsn wal_end, seconds from, seconds to) {
  bool stop = false;
  for (milliseconds at = from; at <= to; at += milliseconds(500)) {
    stop = detector.OnKeepalive(wal_end, true, /*all_acked=*/false, kStart + at);
  }
  return stop;
}

TEST(StopDetectorTest, RepeatedQuestionsAtOnePlaceForTwoSecondsMeanStop) {
  StopDetector detector;
  EXPECT_FALSE(AskAllAlong(detector, Lsn{9}, seconds(0), seconds(1)));
  EXPECT_TRUE(AskAllAlong(detector, Lsn{9}, seconds(2), seconds(2)));
}

TEST(StopDetectorTest, AnythingInBetweenBeginsAnew) {
  StopDetector detector;
  AskAllAlong(detector, Lsn{9}, seconds(0), seconds(1));
  EXPECT_FALSE(AskAllAlong(detector, Lsn{10}, seconds(2), seconds(3)));
  EXPECT_FALSE(detector.OnKeepalive(Lsn{10}, false, false, kStart + seconds(3)));
  EXPECT_FALSE(AskAllAlong(detector, Lsn{10}, seconds(4), seconds(5)));
  detector.OnData();
  EXPECT_FALSE(AskAllAlong(detector, Lsn{10}, seconds(6), seconds(7)));
  EXPECT_TRUE(AskAllAlong(detector, Lsn{10}, seconds(8), seconds(8)));
}

TEST(StopDetectorTest, AServerWhoseEventsAreAllAtKafkaIsNotKeptWaiting) {
  StopDetector detector;
  EXPECT_FALSE(detector.OnKeepalive(Lsn{9}, true, true, kStart));
  EXPECT_FALSE(detector.OnKeepalive(Lsn{9}, true, true, kStart + milliseconds(100)));
  EXPECT_FALSE(detector.OnKeepalive(Lsn{9}, true, false, kStart + milliseconds(300)));
  EXPECT_TRUE(detector.OnKeepalive(Lsn{9}, true, true, kStart + milliseconds(300)));
}

TEST(StopDetectorTest, LoneQuestionsLongApartAreOrdinary) {
  StopDetector detector;
  for (int minute = 0; minute < 5; ++minute) {
    EXPECT_FALSE(detector.OnKeepalive(Lsn{9}, true, true, kStart + std::chrono::minutes(minute)));
  }
}

}  // namespace
}  // namespace relay
