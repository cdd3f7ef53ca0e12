#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "libs/kafka/admin.h"
#include "libs/kafka/testing/test_producer.h"
#include "libs/testing/servers.h"

namespace kafka {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

Settings Real() { return {.brokers = testsupport::KafkaServer(), .client_id = "admin-test"}; }

// A port of this machine on which nobody listens.
Settings Nowhere() { return {.brokers = "127.0.0.1:1", .client_id = "admin-test"}; }

TEST(AdminTest, MakesWhatIsMissingAndCanProduceRightAfter) {
  const TopicSpec specs[] = {
      {.name = testsupport::UniqueName("a-"), .retention = std::chrono::hours(1)},
      {.name = testsupport::UniqueName("b-"),
       .partitions = 1,
       .config = {{"cleanup.policy", "compact"}}}};
  EXPECT_EQ(EnsureTopics(Real(), specs), absl::OkStatus());
  TestProducer producer(testsupport::KafkaServer());
  for (int i = 0; i < 12; ++i) producer.Produce({.topic = specs[0].name, .partition = i});
  producer.Flush();
  EXPECT_EQ(EnsureTopics(Real(), specs), absl::OkStatus()) << "a second time";
}

TEST(AdminTest, TwoProgramsAtOnceDoNotDisturbEachOther) {
  const TopicSpec specs[] = {{.name = testsupport::UniqueName("a-")},
                             {.name = testsupport::UniqueName("b-")},
                             {.name = testsupport::UniqueName("c-")}};
  absl::Status first, second;
  std::thread one([&] { first = EnsureTopics(Real(), specs); });
  std::thread other([&] { second = EnsureTopics(Real(), specs); });
  one.join();
  other.join();
  EXPECT_EQ(first, absl::OkStatus());
  EXPECT_EQ(second, absl::OkStatus());
}

TEST(AdminTest, AnotherNumberOfPartitionsIsLeftAlone) {
  TopicSpec spec{.name = testsupport::UniqueName("a-"), .partitions = 3};
  ASSERT_EQ(EnsureTopics(Real(), {&spec, 1}), absl::OkStatus());
  spec.partitions = 12;
  EXPECT_EQ(EnsureTopics(Real(), {&spec, 1}), absl::OkStatus());
  spec.partitions = 3;
  EXPECT_EQ(EnsureTopics(Real(), {&spec, 1}), absl::OkStatus());
}

TEST(AdminTest, WhatNeedsAPersonNamesTheTopic) {
  const TopicSpec spec{.name = "not a legal name"};
  const absl::Status status = EnsureTopics(Real(), {&spec, 1});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("not a legal name"));
}

TEST(AdminTest, ABrokerThatIsAwayIsUnavailable) {
  const TopicSpec spec{.name = "any"};
  const absl::Status status = EnsureTopics(Nowhere(), {&spec, 1}, milliseconds(300));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
}

TEST(AdminTest, WaitingEndsWithAStopRequest) {
  const TopicSpec spec{.name = "any"};
  std::stop_source stop;
  absl::Status status;
  std::thread waiting([&] { status = AwaitTopics(Nowhere(), {&spec, 1}, stop.get_token()); });
  stop.request_stop();
  waiting.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace kafka
