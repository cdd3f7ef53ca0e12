#include "libs/kafka/fetch_stall.h"

#include <gtest/gtest.h>

namespace kafka {
namespace {

using std::chrono::seconds;
using Verdict = FetchStall::Verdict;

class FetchStallTest : public ::testing::Test {
 protected:
  // `waited`: how much of the time until `now` the consumer waited for messages.
  Verdict Look(int now, std::int64_t position, std::int64_t end, int waited) {
    return detector_.OnLook({.now = FetchStall::Time(seconds(now)),
                             .position = position,
                             .end = end,
                             .waited = seconds(waited)},
                            seconds(10));
  }
  FetchStall detector_;
};

TEST_F(FetchStallTest, StandsStillBelowTheEndWhileWeWait) {
  EXPECT_EQ(Look(0, 5, 5, 0), Verdict::kCaughtUp);
  EXPECT_EQ(Look(100, 5, 6, 100), Verdict::kStanding) << "it may have come just now";
  EXPECT_EQ(Look(109, 5, 9, 109), Verdict::kStanding);
  EXPECT_EQ(Look(110, 5, 9, 110), Verdict::kStalled);
}

TEST_F(FetchStallTest, AnUnknownPositionStandsStillToo) {
  EXPECT_EQ(Look(0, -1, 3, 0), Verdict::kStanding);
  EXPECT_EQ(Look(10, -1, 3, 10), Verdict::kStalled);
}

TEST_F(FetchStallTest, AnEmptyPartitionDoesNot) {
  EXPECT_EQ(Look(0, -1, 0, 0), Verdict::kStanding) << "its end was not reached yet";
  EXPECT_EQ(Look(5, 0, 0, 5), Verdict::kCaughtUp);
  EXPECT_EQ(Look(50, 0, 0, 50), Verdict::kCaughtUp);
}

TEST_F(FetchStallTest, WhoMovesIsOnlySlow) {
  EXPECT_EQ(Look(0, 5, 100, 0), Verdict::kStanding);
  EXPECT_EQ(Look(10, 6, 100, 10), Verdict::kMoving);
  EXPECT_EQ(Look(19, 6, 100, 19), Verdict::kStanding);
  EXPECT_EQ(Look(20, 7, 100, 20), Verdict::kMoving);
}

TEST_F(FetchStallTest, ABusyConsumerIsNotStalled) {
  EXPECT_EQ(Look(0, 5, 6, 0), Verdict::kStanding);
  EXPECT_EQ(Look(60, 5, 6, 4), Verdict::kStanding) << "it handled a batch";
  EXPECT_EQ(Look(61, 5, 6, 5), Verdict::kStalled);
}

TEST_F(FetchStallTest, CatchingUpStartsOver) {
  EXPECT_EQ(Look(0, 5, 6, 0), Verdict::kStanding);
  EXPECT_EQ(Look(9, 6, 6, 9), Verdict::kCaughtUp);
  EXPECT_EQ(Look(10, 6, 7, 10), Verdict::kStanding);
  EXPECT_EQ(Look(19, 6, 7, 19), Verdict::kStanding);
}

}  // namespace
}  // namespace kafka
