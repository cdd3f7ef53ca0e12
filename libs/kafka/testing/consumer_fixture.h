// For tests only: a topic and a group of its own, and short ways to fill and empty them.
#ifndef ORDER_SAGA_LIBS_KAFKA_TESTING_CONSUMER_FIXTURE_H_
#define ORDER_SAGA_LIBS_KAFKA_TESTING_CONSUMER_FIXTURE_H_

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "libs/kafka/admin.h"
#include "libs/kafka/consumer.h"
#include "libs/kafka/testing/test_producer.h"
#include "libs/testing/servers.h"

namespace kafka {

class ConsumerFixture : public ::testing::Test {
 protected:
  using Clock = std::chrono::steady_clock;

  void MakeTopic(int partitions) {
    const TopicSpec spec{.name = topic_, .partitions = partitions};
    ASSERT_EQ(EnsureTopics(settings_, {&spec, 1}), absl::OkStatus());
  }

  ConsumerOptions Options() { return {.settings = settings_, .group = group_, .topics = {topic_}}; }

  std::unique_ptr<Consumer> Join() { return Join(Options()); }
  std::unique_ptr<Consumer> Join(ConsumerOptions options) {
    auto consumer = Consumer::Create(std::move(options));
    EXPECT_EQ(consumer.status(), absl::OkStatus());
    return *std::move(consumer);
  }

  // Payloads "0" to "count - 1", round the partitions.
  void Fill(int count, int partitions, int first = 0) {
    for (int i = first; i < first + count; ++i) {
      producer_.Produce(
          {.topic = topic_, .payload = std::to_string(i), .partition = i % partitions});
    }
    producer_.Flush();
  }

  // Polls until `enough` messages are there, at most 30 s.
  std::vector<Message> Take(Consumer& consumer, std::size_t enough, const PollLimits& limits = {}) {
    std::vector<Message> taken;
    const auto deadline = Clock::now() + std::chrono::seconds(30);
    while (taken.size() < enough && Clock::now() < deadline) {
      auto batch = consumer.Poll(std::chrono::milliseconds(500), limits);
      EXPECT_EQ(batch.status(), absl::OkStatus());
      if (!batch.ok()) break;
      for (Message& message : *batch) taken.push_back(std::move(message));
    }
    EXPECT_GE(taken.size(), enough);
    return taken;
  }

  static std::vector<std::string> Payloads(const std::vector<Message>& messages) {
    std::vector<std::string> payloads;
    for (const Message& message : messages) payloads.emplace_back(message.payload_or_empty());
    return payloads;
  }

  const std::string topic_ = testsupport::UniqueName("consumer-test-");
  const std::string group_ = testsupport::UniqueName("group-");
  const Settings settings_{.brokers = testsupport::KafkaServer(), .client_id = "consumer-test"};
  TestProducer producer_{settings_.brokers};
};

}  // namespace kafka

#endif  // ORDER_SAGA_LIBS_KAFKA_TESTING_CONSUMER_FIXTURE_H_
