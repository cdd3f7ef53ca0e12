#include "outbox-relay/sink/introductions.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

const Introductions::Time kNow{std::chrono::hours(1'000)};

// Of two partitions 0 is known, and 1 has its first record on its way.
Introductions OneKnownOneBeingMet() {
  Introductions topic;
  topic.SetPartitions(2);
  topic.OnSent(0, kNow);
  topic.OnAcknowledged(0);
  topic.OnSent(1, kNow);
  return topic;
}

TEST(IntroductionsTest, NothingFollowsTheFirstUntilItIsThere) {
  Introductions topic;
  topic.SetPartitions(2);
  EXPECT_TRUE(topic.MaySend(0));
  EXPECT_TRUE(topic.OnSent(0, kNow));
  EXPECT_FALSE(topic.MaySend(0));
  EXPECT_TRUE(topic.MaySend(1)) << "another partition";
  EXPECT_TRUE(topic.OnAcknowledged(0));
  EXPECT_TRUE(topic.MaySend(0));
  EXPECT_FALSE(topic.OnSent(0, kNow));
  EXPECT_TRUE(topic.MaySend(0)) << "it is known";
  EXPECT_FALSE(topic.OnAcknowledged(0));
}

TEST(IntroductionsTest, WhoWasSilentForLongIsAStrangerAgain) {
  Introductions topic;
  topic.SetPartitions(1);
  topic.OnSent(0, kNow);
  topic.OnAcknowledged(0);
  EXPECT_FALSE(topic.OnSent(0, kNow + std::chrono::minutes(59)));
  EXPECT_FALSE(topic.OnSent(0, kNow + std::chrono::minutes(118)));
  EXPECT_TRUE(topic.OnSent(0, kNow + std::chrono::minutes(179)));
  EXPECT_FALSE(topic.MaySend(0));
}

TEST(IntroductionsTest, ATopicOfAnotherSizeIsAnotherTopic) {
  Introductions topic = OneKnownOneBeingMet();
  topic.SetPartitions(2);
  EXPECT_FALSE(topic.OnSent(0, kNow)) << "it is the same";
  topic.SetPartitions(3);
  EXPECT_TRUE(topic.OnSent(0, kNow));
  EXPECT_FALSE(topic.MaySend(1)) << "it was being met, and its answer is to come";
  EXPECT_TRUE(topic.MaySend(2));
  EXPECT_FALSE(topic.OnAcknowledged(7));
}

TEST(IntroductionsTest, ATopicThatWasGoneIsAnotherTopic) {
  Introductions topic = OneKnownOneBeingMet();
  topic.Estrange();
  EXPECT_TRUE(topic.OnSent(0, kNow));
  EXPECT_FALSE(topic.MaySend(1)) << "its answer is to come";
  EXPECT_TRUE(topic.OnAcknowledged(1));
  EXPECT_TRUE(topic.OnSent(1, kNow)) << "the answer was the other topic's";
}

}  // namespace
}  // namespace relay
