#include "outbox-relay/parking/topic_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace relay {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

TopicWatch::Clock::time_point At(int64_t second) {
  return TopicWatch::Clock::time_point(seconds(1'000 + second));
}

TEST(TopicWatchTest, AWaitCountsFromItsFirstSecond) {
  TopicWatch watch;
  EXPECT_EQ(watch.OnAwaited("orders", At(0)), seconds(0));
  EXPECT_EQ(watch.OnAwaited("orders", At(7)), seconds(7));
  EXPECT_EQ(watch.OnAwaited("bills", At(8)), seconds(0)) << "another topic";
  watch.EndAwait();
  EXPECT_EQ(watch.OnAwaited("bills", At(20)), seconds(0)) << "it was there in between";
}

TEST(TopicWatchTest, OnceOneIsMissingTheNextIsNotWaitedForLong) {
  TopicWatch watch;
  EXPECT_FALSE(watch.LongEnough(seconds(29), seconds(30)));
  EXPECT_TRUE(watch.LongEnough(seconds(30), seconds(30)));
  watch.OnMissing("orders");
  EXPECT_FALSE(watch.LongEnough(seconds(0), seconds(30)));
  EXPECT_TRUE(watch.LongEnough(seconds(1), seconds(30)));
  EXPECT_TRUE(watch.LongEnough(seconds(0), seconds(0)));
  watch.OnThere("orders");
  EXPECT_FALSE(watch.LongEnough(seconds(1), seconds(30)));
}

TEST(TopicWatchTest, ALookDoesNotTouchTheStreamsWait) {
  TopicWatch watch;
  watch.OnAwaited("orders", At(0));
  watch.BeginLook({});
  EXPECT_EQ(watch.OnAwaited("orders", At(9)), seconds(9));
}

TEST(TopicWatchTest, AsksForEachTopicOnceALook) {
  TopicWatch watch;
  watch.BeginLook({"a", "b"});
  std::set<std::string> asked;
  while (watch.looking()) asked.insert(watch.NextToAsk());
  EXPECT_THAT(asked, ElementsAre("a", "b"));
  watch.BeginLook({"a", "b"});
  watch.NextToAsk();
  watch.EndLook();
  EXPECT_FALSE(watch.looking());
}

TEST(TopicWatchTest, TellsThatATopicHasCome) {
  TopicWatch watch;
  watch.OnMissing("a");
  watch.OnHidden("b");
  EXPECT_EQ(watch.missing(), 1u);
  EXPECT_TRUE(watch.OnThere("a"));
  EXPECT_FALSE(watch.OnThere("a")) << "it was there already";
  EXPECT_TRUE(watch.OnThere("b"));
  EXPECT_FALSE(watch.OnThere("c"));
  EXPECT_EQ(watch.missing(), 0u);
}

TEST(TopicWatchTest, ForgetsTopicsOfWhichNothingIsParked) {
  TopicWatch watch;
  watch.OnMissing("a");
  watch.OnMissing("b");
  watch.BeginLook({"b"});
  EXPECT_EQ(watch.missing(), 1u);
  EXPECT_FALSE(watch.OnThere("a"));
  watch.Clear();
  EXPECT_EQ(watch.missing(), 0u);
}

}  // namespace
}  // namespace relay
