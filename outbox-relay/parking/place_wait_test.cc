#include "outbox-relay/parking/place_wait.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

using std::chrono::seconds;

TEST(PlaceWaitTest, IsTriedAgainOnceInAWhile) {
  PlaceWait::Time now{seconds(1'000)};
  PlaceWait wait;
  EXPECT_FALSE(wait.MayTryAgain(now));
  EXPECT_TRUE(wait.Begin({Lsn{10}, 1}, now));
  EXPECT_FALSE(wait.Begin({Lsn{10}, 1}, now + seconds(30)));
  EXPECT_FALSE(wait.MayTryAgain(now + seconds(59)));
  EXPECT_TRUE(wait.MayTryAgain(now + seconds(60)));
  EXPECT_FALSE(wait.Begin({Lsn{10}, 1}, now + seconds(60))) << "it was tried, and waits on";
  EXPECT_FALSE(wait.MayTryAgain(now + seconds(119)));
  EXPECT_TRUE(wait.Begin({Lsn{10}, 2}, now + seconds(119))) << "another event";
  EXPECT_FALSE(wait.MayTryAgain(now + seconds(120)));
  wait.End();
  EXPECT_FALSE(wait.at());
  EXPECT_FALSE(wait.MayTryAgain(now + seconds(600)));
}

}  // namespace
}  // namespace relay
