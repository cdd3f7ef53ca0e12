#include "outbox-relay/topic_wait.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

using std::chrono::seconds;
using telemetry::Level;

class TopicWaitTest : public ::testing::Test {
 protected:
  static TopicWait::Time At(int64_t second) { return TopicWait::Time(seconds(1'000 + second)); }

  const absl::Status missing_ = absl::NotFoundError("no such topic");
  TopicWait wait_;
};

TEST_F(TopicWaitTest, ComplainsAtOnceThenLouderAndSeldom) {
  EXPECT_EQ(wait_.OnNotReady(missing_, At(0)), Level::kWarn);
  EXPECT_EQ(wait_.OnNotReady(missing_, At(9)), std::nullopt);
  EXPECT_EQ(wait_.OnNotReady(missing_, At(10)), Level::kError);
  EXPECT_EQ(wait_.OnNotReady(missing_, At(39)), std::nullopt);
  EXPECT_EQ(wait_.OnNotReady(missing_, At(40)), Level::kError);
}

TEST_F(TopicWaitTest, SilenceIsNoError) {
  wait_.OnNotReady(missing_, At(0));
  EXPECT_EQ(wait_.OnNotReady(absl::UnavailableError("no broker"), At(10)), Level::kWarn);
}

TEST_F(TopicWaitTest, AsksOnceASecondUntilItEnds) {
  EXPECT_FALSE(wait_.waiting());
  wait_.OnNotReady(missing_, At(5));
  EXPECT_TRUE(wait_.waiting());
  EXPECT_EQ(wait_.ask_again_at(), At(6));
  wait_.End();
  EXPECT_FALSE(wait_.waiting());
  EXPECT_LE(wait_.ask_again_at(), At(0));
  EXPECT_EQ(wait_.OnNotReady(missing_, At(6)), Level::kWarn) << "another topic, another story";
}

}  // namespace
}  // namespace relay
