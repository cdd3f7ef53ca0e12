#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include "libs/kafka/consumer_impl.h"
#include "libs/kafka/testing/consumer_fixture.h"

namespace kafka {

struct ConsumerPeer {
  // Librdkafka goes on as if nothing were, and brings nothing: what a stall looks like.
  static void StopFetching(Consumer& consumer, const std::string& topic, std::int32_t partition) {
    Consumer::Impl& impl = *consumer.impl_;
    auto* list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic.c_str(), partition);
    ASSERT_EQ(rd_kafka_pause_partitions(impl.client, list), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
    const std::lock_guard lock(impl.mutex);
    impl.patience = std::chrono::seconds(2);
  }
};

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ConsumerWatchTest : public ConsumerFixture {
 protected:
  // The sum over all partitions, or -1 while it is not known for each of them.
  static std::int64_t Lag(const Consumer& consumer) {
    const auto lags = consumer.Lag();
    std::int64_t sum = lags.empty() ? -1 : 0;
    for (const auto& one : lags) {
      if (!one.messages) return -1;
      sum += *one.messages;
    }
    return sum;
  }

  // Polls, and expects nothing, until the lag is `wanted`.
  void AwaitLag(Consumer& consumer, std::int64_t wanted) {
    const auto deadline = Clock::now() + seconds(20);
    while (Lag(consumer) != wanted) {
      ASSERT_LT(Clock::now(), deadline) << Lag(consumer) << " instead of " << wanted;
      const auto batch = consumer.Poll(milliseconds(100));
      ASSERT_TRUE(batch.ok());
      ASSERT_THAT(*batch, IsEmpty());
    }
  }
};

TEST_F(ConsumerWatchTest, LagIsWhatIsNotStoredYet) {
  MakeTopic(2);
  Fill(10, 2);
  auto consumer = Join();
  std::vector<Message> messages = Take(*consumer, 10);
  AwaitLag(*consumer, 10);
  consumer->StoreOffsets(messages);
  EXPECT_EQ(Lag(*consumer), 0);
  messages.clear();
  consumer = nullptr;  // commits

  Fill(6, 2, 10);
  consumer = Join();
  messages = Take(*consumer, 6);
  AwaitLag(*consumer, 6);  // counted from the group's committed offsets
}

TEST_F(ConsumerWatchTest, WhatATransactionLeavesBehindIsNoLag) {
  MakeTopic(1);
  TestProducer transactional(settings_.brokers, testsupport::UniqueName("tx-"));
  transactional.ProduceInTransaction({.topic = topic_, .payload = "x"});
  auto consumer = Join();
  std::vector<Message> messages = Take(*consumer, 1);
  consumer->StoreOffsets(messages);
  messages.clear();
  AwaitLag(*consumer, 0);
}

TEST_F(ConsumerWatchTest, APartitionThatIsFetchedNoMoreIsNoticedAndMended) {
  MakeTopic(2);
  Fill(4, 2);
  auto consumer = Join();
  consumer->StoreOffsets(Take(*consumer, 4));
  ConsumerPeer::StopFetching(*consumer, topic_, 1);
  producer_.Produce({.topic = topic_, .payload = "hidden", .partition = 1});
  producer_.Flush();
  EXPECT_THAT(Payloads(Take(*consumer, 1)), ElementsAre("hidden"));
  EXPECT_EQ(consumer->assignment_size(), 2u);
}

}  // namespace
}  // namespace kafka
