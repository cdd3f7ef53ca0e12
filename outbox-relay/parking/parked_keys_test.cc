#include "outbox-relay/parking/parked_keys.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

using Decision = ParkedKeys::Decision;

Event EventOf(std::string_view id, std::optional<std::string_view> key,
              std::string_view topic = "orders") {
  Event event;
  event.id = id;
  event.aggregate_id = key;
  event.topic = topic;
  return event;
}

StreamPosition At(uint64_t commit, int64_t ordinal = 0) { return {Lsn{commit}, ordinal}; }

TEST(ParkedKeysTest, WhatFollowsOfTheKeyIsParkedAndNothingElse) {
  ParkedKeys keys;
  EXPECT_TRUE(keys.empty());
  keys.Park(EventOf("e1", "a"), At(10, 2), {.reason = "too large", .fix = "raise it"});
  EXPECT_EQ(keys.key()->poison_id, "e1");
  EXPECT_EQ(keys.Decide(EventOf("e2", "a"), At(10, 3)), Decision::kPark);
  EXPECT_EQ(keys.key()->name, "ka");
  EXPECT_EQ(keys.Decide(EventOf("e3", "b"), At(10, 4)), Decision::kPublish);
  EXPECT_EQ(keys.Decide(EventOf("e4", "a", "other"), At(10, 5)), Decision::kPublish);
}

// The stream comes again after a crash: what stood before the poison was published, or is not
// yet, and belongs before it.
TEST(ParkedKeysTest, WhatCameBeforeThePoisonIsPublishedThoughItComesAgain) {
  ParkedKeys keys;
  keys.Put({.scope = 1, .topic = "orders", .name = "ka", .poison_id = "e2", .from = At(20, 3)});
  EXPECT_EQ(keys.Decide(EventOf("e0", "a"), At(10, 9)), Decision::kPublish);
  EXPECT_EQ(keys.Decide(EventOf("e1", "a"), At(20, 2)), Decision::kPublish);
  EXPECT_EQ(keys.Decide(EventOf("e2", "a"), At(20, 3)), Decision::kPark);
  EXPECT_EQ(keys.Decide(EventOf("e3", "a"), At(30)), Decision::kPark);
}

TEST(ParkedKeysTest, OnceSoManyKeysAreParkedATopicIs) {
  ParkedKeys keys(2);
  keys.Park(EventOf("e1", "a"), At(10), {.reason = "too large"});
  keys.Park(EventOf("e2", "b"), At(20), {.reason = "too large"});
  EXPECT_EQ(keys.topics_parked(), 0u);
  EXPECT_EQ(keys.Decide(EventOf("e3", "c"), At(30)), Decision::kPublish);
  keys.Park(EventOf("e4", "c"), At(40), {.reason = "too large"});
  EXPECT_TRUE(keys.key()->is_topic());
  EXPECT_EQ(keys.topics_parked(), 1u);
  EXPECT_EQ(keys.Decide(EventOf("e5", "d"), At(50)), Decision::kPark);
  EXPECT_TRUE(keys.key()->is_topic());
  EXPECT_EQ(keys.Decide(EventOf("e6", std::nullopt), At(50, 1)), Decision::kPark);
  EXPECT_EQ(keys.Decide(EventOf("e7", "b"), At(50, 2)), Decision::kPark);
  EXPECT_EQ(keys.key()->name, "kb") << "its own events are in one place";
  EXPECT_EQ(keys.Decide(EventOf("e8", "d", "other"), At(50, 3)), Decision::kPublish);
  EXPECT_EQ(keys.Decide(EventOf("e3", "c"), At(30)), Decision::kPublish) << "in front of it";
}

TEST(ParkedKeysTest, OfARefusedTopicSoManyKeysAreParkedOneByOne) {
  ParkedKeys keys(1);
  keys.Park(EventOf("e1", "a"), At(10), {.reason = "no such topic", .whole_topic = true});
  EXPECT_EQ(keys.Decide(EventOf("e2", "b"), At(20)), Decision::kParkAsPoison);
  EXPECT_TRUE(keys.key()->is_topic());
  EXPECT_EQ(keys.Decide(EventOf("e3", "c"), At(30)), Decision::kPark);
  EXPECT_EQ(keys.size(), 2u);
}

// Else the events of one key were in two places, and released without regard to each other.
TEST(ParkedKeysTest, AsLongAsATopicIsParkedNoKeyOfItIsParkedByItself) {
  ParkedKeys keys(1);
  keys.Park(EventOf("e1", "a", "other"), At(10), {.reason = "too large"});
  const std::shared_ptr<ParkedKey> first = keys.key();
  keys.Park(EventOf("e3", "b"), At(30), {.reason = "too large"});
  keys.Erase(*first);
  EXPECT_EQ(keys.Decide(EventOf("e5", "c"), At(50)), Decision::kPark);
  keys.Park(EventOf("e2", "c"), At(20), {.reason = "too large"});
  EXPECT_TRUE(keys.key()->is_topic());
  EXPECT_EQ(keys.key()->from, At(20));
  EXPECT_EQ(keys.Decide(EventOf("e3", "b"), At(30)), Decision::kPark);
  EXPECT_EQ(keys.topics_parked(), 1u);
  keys.Erase(*keys.key());
  EXPECT_EQ(keys.topics_parked(), 0u);
  keys.Park(EventOf("e6", "c"), At(60), {.reason = "too large"});
  EXPECT_EQ(keys.key()->name, "kc");
}

TEST(ParkedKeysTest, ATopicThatTheDatabaseKnowsIsReadAnew) {
  ParkedKeys keys(1);
  const ParkedKey topic{.scope = 1,
                        .topic = "orders",
                        .name = "t",
                        .poison_id = "e2",
                        .awaiting_poison = true,
                        .from = At(UINT64_MAX)};
  keys.Put(topic);
  keys.Put(topic);
  EXPECT_EQ(keys.topics_parked(), 1u);
  EXPECT_EQ(keys.Decide(EventOf("e1", "a"), At(10)), Decision::kPublish);
  EXPECT_EQ(keys.Decide(EventOf("e2", "b"), At(20)), Decision::kParkAsPoison);
  EXPECT_EQ(keys.Decide(EventOf("e3", "a"), At(30)), Decision::kPark);
  keys.Clear();
  EXPECT_EQ(keys.topics_parked(), 0u);
  EXPECT_EQ(keys.Decide(EventOf("e4", "a"), At(40)), Decision::kPublish);
}

TEST(ParkedKeysTest, AListedPoisonParksItsKeyWhenItComesBy) {
  ParkedKeys keys;
  keys.Put({.scope = 1,
            .topic = "orders",
            .name = "ka",
            .poison_id = "e2",
            .awaiting_poison = true,
            .from = At(30)});
  EXPECT_EQ(keys.Decide(EventOf("e1", "a"), At(10)), Decision::kPublish);
  EXPECT_EQ(keys.Decide(EventOf("e4", "a"), At(31)), Decision::kPark) << "behind what is parked";
  EXPECT_EQ(keys.Decide(EventOf("e2", "a"), At(20)), Decision::kParkAsPoison);
  EXPECT_EQ(keys.key()->from, At(20));
  EXPECT_EQ(keys.Decide(EventOf("e3", "a"), At(20, 1)), Decision::kPark);
}

TEST(ParkedKeysTest, AnEarlierEventThatIsRefusedLaterMovesTheBeginning) {
  ParkedKeys keys;
  keys.Put(
      {.scope = 7, .topic = "orders", .name = "ka", .poison_id = "e2", .from = At(20), .era = 3});
  keys.Park(EventOf("e1", "a"), At(10), {.reason = "r"});
  EXPECT_EQ(keys.key()->scope, 7);
  EXPECT_EQ(keys.key()->era, 3);
  EXPECT_EQ(keys.Decide(EventOf("e1b", "a"), At(15)), Decision::kPark);
  EXPECT_EQ(keys.size(), 1u);
}

TEST(ParkedKeysTest, AnEventWithoutAKeyIsParkedAlone) {
  ParkedKeys keys;
  keys.Park(EventOf("e1", std::nullopt), At(10), {.reason = "r"});
  EXPECT_EQ(keys.Decide(EventOf("e2", std::nullopt), At(11)), Decision::kPublish);
  EXPECT_EQ(keys.Decide(EventOf("e1", std::nullopt), At(10)), Decision::kPark);
  EXPECT_EQ(keys.Decide(EventOf("e3", ""), At(12)), Decision::kPublish) << "an empty key is a key";
  EXPECT_EQ(keys.Decide(EventOf("e4", "e1"), At(13)), Decision::kPublish);
}

TEST(ParkedKeysTest, ARefusedTopicParksEachKeyWithoutATrialUntilItIsTriedAgain) {
  ParkedKeys keys;
  keys.Park(EventOf("e1", "a"), At(10), {.reason = "no", .fix = "f", .whole_topic = true});
  EXPECT_EQ(keys.Decide(EventOf("e2", "b"), At(11)), Decision::kParkAsPoison);
  EXPECT_EQ(keys.key()->poison_id, "e2");
  EXPECT_EQ(keys.key()->refusal->reason, "no");
  EXPECT_EQ(keys.Decide(EventOf("e3", "b"), At(12)), Decision::kPark);
  EXPECT_EQ(keys.Decide(EventOf("e4", "b", "other"), At(13)), Decision::kPublish);
  keys.TryTopicAgain("orders");
  EXPECT_EQ(keys.Decide(EventOf("e5", "c"), At(14)), Decision::kPublish);
  EXPECT_EQ(keys.Decide(EventOf("e6", "a"), At(15)), Decision::kPark);
}

TEST(ParkedKeysTest, WhatWasGivenUpIsSkippedWhateverBecameOfItsKey) {
  ParkedKeys keys;
  EXPECT_FALSE(keys.decides());
  keys.SetDropped({{"e1", Lsn{10}}});
  EXPECT_TRUE(keys.decides());
  EXPECT_EQ(keys.Decide(EventOf("e1", "a"), At(10, 3)), ParkedKeys::Decision::kSkip);
  EXPECT_EQ(keys.Decide(EventOf("e2", "a"), At(9)), ParkedKeys::Decision::kPublish);
  EXPECT_EQ(keys.Decide(EventOf("e1", "a"), At(9)), ParkedKeys::Decision::kPublish)
      << "another event of that id";
  keys.Park(EventOf("e0", "a"), At(9), {.reason = "no"});
  EXPECT_EQ(keys.Decide(EventOf("e1", "a"), At(10)), ParkedKeys::Decision::kSkip);
  EXPECT_EQ(keys.Decide(EventOf("e2", "a"), At(11)), ParkedKeys::Decision::kPark);
  keys.SetDropped({});
  EXPECT_EQ(keys.Decide(EventOf("e1", "a"), At(10)), ParkedKeys::Decision::kPark);
}

TEST(ParkedKeysTest, AKeyThatIsParkedAnewIsNotErasedWithTheOldOne) {
  ParkedKeys keys;
  keys.Park(EventOf("e2", "a"), At(11), {.reason = "no"});
  const std::shared_ptr<ParkedKey> old = keys.key();
  keys.Park(EventOf("e1", "a"), At(10), {.reason = "no"});
  keys.Erase(*old);
  EXPECT_EQ(keys.size(), 1u);
  keys.Erase(*keys.key());
  EXPECT_TRUE(keys.empty());
}

}  // namespace
}  // namespace relay
