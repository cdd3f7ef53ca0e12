#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "libs/kafka/consumer.h"
#include "libs/kafka/testing/committed.h"
#include "libs/kafka/testing/consumer_fixture.h"

namespace kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class ConsumerTest : public ConsumerFixture {
 protected:
  std::int64_t Committed() { return CommittedOffset(settings_.brokers, group_, topic_, 0); }
};

TEST_F(ConsumerTest, AMessageShowsWhatWasSent) {
  MakeTopic(1);
  producer_.Produce({.topic = topic_,
                     .key = "tx-1",
                     .payload = std::string("a\0b", 3),
                     .headers = {{"id", "1"}, {"empty", ""}, {"id", "2"}}});
  producer_.Produce({.topic = topic_, .key = "", .payload = ""});
  producer_.Produce({.topic = topic_});
  producer_.Flush();
  const auto consumer = Join();
  const std::vector<Message> messages = Take(*consumer, 3);

  const Message& full = messages.at(0);
  EXPECT_EQ(full.topic(), topic_);
  EXPECT_EQ(full.partition(), 0);
  EXPECT_EQ(full.offset(), 0);
  EXPECT_EQ(full.key(), "tx-1");
  EXPECT_EQ(full.payload(), std::string_view("a\0b", 3));
  EXPECT_EQ(full.header("id"), "2") << "the last one counts";
  EXPECT_EQ(full.header("empty"), "");
  EXPECT_EQ(full.header("none"), std::nullopt);
  std::vector<std::pair<std::string, std::string>> headers;
  full.ForEachHeader([&](std::string_view name, std::string_view value) {
    headers.emplace_back(name, value);
    return headers.size() < 2;
  });
  EXPECT_THAT(headers, ElementsAre(Pair("id", "1"), Pair("empty", "")));
  EXPECT_TRUE(full.timestamp().has_value());
  EXPECT_EQ(full.size(), 7u);

  EXPECT_EQ(messages.at(1).key(), "");
  EXPECT_EQ(messages.at(1).payload(), "");
  EXPECT_EQ(messages.at(2).key(), std::nullopt);
  EXPECT_EQ(messages.at(2).payload(), std::nullopt);
  EXPECT_EQ(messages.at(2).header("id"), std::nullopt);
}

TEST_F(ConsumerTest, ANewMemberGoesOnBehindWhatWasStored) {
  MakeTopic(1);
  Fill(10, 1);
  {
    const auto consumer = Join();
    std::vector<Message> messages = Take(*consumer, 10);
    messages.erase(messages.begin() + 4, messages.end());
    consumer->StoreOffsets(messages);
  }
  const auto consumer = Join();
  EXPECT_THAT(Payloads(Take(*consumer, 6)), ElementsAre("4", "5", "6", "7", "8", "9"));
}

TEST_F(ConsumerTest, WithoutAStoreEverythingComesAgain) {
  MakeTopic(1);
  Fill(3, 1);
  Take(*Join(), 3);
  EXPECT_THAT(Payloads(Take(*Join(), 3)), ElementsAre("0", "1", "2"));
}

TEST_F(ConsumerTest, StoredOffsetsAreCommittedInTheBackground) {
  MakeTopic(1);
  Fill(3, 1);
  auto consumer = Join();
  consumer->StoreOffsets(Take(*consumer, 3));
  EXPECT_EQ(Committed(), -1);
  // Nothing more comes; Poll alone must get them committed.
  const auto deadline = Clock::now() + seconds(20);
  while (Committed() != 3 && Clock::now() < deadline) {
    ASSERT_TRUE(consumer->Poll(milliseconds(500)).ok());
  }
  EXPECT_EQ(Committed(), 3);
}

TEST_F(ConsumerTest, CommitSyncReturnsWhenTheBrokerHasIt) {
  MakeTopic(1);
  Fill(3, 1);
  auto consumer = Join();
  EXPECT_EQ(consumer->CommitSync(), absl::OkStatus()) << "nothing to commit";
  consumer->StoreOffsets(Take(*consumer, 3));
  EXPECT_EQ(consumer->CommitSync(), absl::OkStatus());
  EXPECT_EQ(Committed(), 3);
}

TEST_F(ConsumerTest, LimitsBoundABatchAndTheRestComesNext) {
  MakeTopic(1);
  Fill(10, 1);
  const auto consumer = Join();
  EXPECT_EQ(Take(*consumer, 1, {.max_messages = 4}).size(), 4u);
  EXPECT_EQ(Take(*consumer, 1, {.max_bytes = 2}).size(), 2u);
  EXPECT_THAT(Payloads(Take(*consumer, 4)), ElementsAre("6", "7", "8", "9"));
}

TEST_F(ConsumerTest, WakeupEndsAWaitingPoll) {
  MakeTopic(1);
  const auto consumer = Join();
  const auto start = Clock::now();
  std::thread waker([&] {
    while (consumer->assignment_size() == 0) std::this_thread::yield();
    consumer->Wakeup();
  });
  const auto batch = consumer->Poll(seconds(30));
  waker.join();
  ASSERT_TRUE(batch.ok());
  EXPECT_TRUE(batch->empty());
  EXPECT_LT(Clock::now() - start, seconds(20));

  consumer->Wakeup();
  ASSERT_TRUE(consumer->Poll(seconds(30)).ok()) << "a wakeup before the poll counts too";
  EXPECT_LT(Clock::now() - start, seconds(20));
}

TEST_F(ConsumerTest, AnIdleConsumerGetsAMessageAtOnce) {
  MakeTopic(12);
  const auto consumer = Join();
  Fill(12, 12);
  Take(*consumer, 12);
  std::vector<double> waits_ms;
  for (int i = 0; i < 100; ++i) {
    const auto start = Clock::now();
    producer_.Produce({.topic = topic_, .payload = "x", .partition = i % 12});
    Take(*consumer, 1);
    waits_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  std::sort(waits_ms.begin(), waits_ms.end());
  std::printf("figure consumer_idle_p50_ms %.2f ms\nfigure consumer_idle_p99_ms %.2f ms\n",
              waits_ms[50], waits_ms[99]);
}

TEST_F(ConsumerTest, AMissingTopicIsWaitedFor) {
  const auto consumer = Join();
  ASSERT_TRUE(consumer->Poll(milliseconds(300)).ok());
  MakeTopic(2);
  Fill(4, 2);
  EXPECT_EQ(Take(*consumer, 4).size(), 4u);
}

TEST_F(ConsumerTest, BrokersThatAreAwayAreWaitedFor) {
  ConsumerOptions options = Options();
  options.settings.brokers = "127.0.0.1:1";
  const auto consumer = Join(std::move(options));
  const auto batch = consumer->Poll(milliseconds(300));
  ASSERT_TRUE(batch.ok());
  EXPECT_TRUE(batch->empty());
  EXPECT_TRUE(consumer->StillOurs());
  const auto start = Clock::now();
  consumer->Close(milliseconds(1000)).IgnoreError();
  EXPECT_LT(Clock::now() - start, seconds(30)) << "it gives up, and does not wait for brokers";
}

TEST_F(ConsumerTest, AWrongPropertyIsNamed) {
  ConsumerOptions options = Options();
  options.settings.properties = {{"fetch.wait.max.msec", "1"}};
  EXPECT_THAT(std::string(Consumer::Create(std::move(options)).status().message()),
              HasSubstr("fetch.wait.max.msec"));
}

}  // namespace
}  // namespace kafka
