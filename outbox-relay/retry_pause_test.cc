#include "outbox-relay/retry_pause.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

using Kind = SessionEnd::Kind;
using std::chrono::milliseconds;

TEST(RetryPauseTest, TroubleThatLastsIsWaitedForLonger) {
  RetryPause pause;
  EXPECT_EQ(pause.After(Kind::kFailed, false), milliseconds(250));
  EXPECT_EQ(pause.After(Kind::kFailed, false), milliseconds(500));
  for (int i = 0; i < 10; ++i) pause.After(Kind::kFailed, false);
  EXPECT_EQ(pause.After(Kind::kFailed, false), milliseconds(10'000));
  EXPECT_EQ(pause.After(Kind::kFailed, true), milliseconds(250)) << "it got somewhere";
}

TEST(RetryPauseTest, WhoWaitsForOthersLooksAgainSoon) {
  RetryPause pause;
  for (int i = 0; i < 10; ++i) pause.After(Kind::kFailed, false);
  EXPECT_EQ(pause.After(Kind::kStandby, false), milliseconds(1'000));
  EXPECT_EQ(pause.After(Kind::kPaused, false), milliseconds(250));
  pause.Reset();
  EXPECT_EQ(pause.After(Kind::kFailed, false), milliseconds(250));
}

}  // namespace
}  // namespace relay
