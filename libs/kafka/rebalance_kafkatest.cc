#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "libs/kafka/consumer.h"
#include "libs/kafka/testing/consumer_fixture.h"

namespace kafka {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kPartitions = 4;

class RebalanceTest : public ConsumerFixture {
 protected:
  // Polls both, storing what comes, until the second has partitions; returns what came.
  std::set<std::string> UntilShared(Consumer& first, Consumer& second) {
    std::set<std::string> payloads;
    const auto deadline = Clock::now() + seconds(30);
    while ((first.assignment_size() == 0 || second.assignment_size() == 0 ||
            first.assignment_size() + second.assignment_size() != kPartitions) &&
           Clock::now() < deadline) {
      for (Consumer* consumer : {&first, &second}) {
        auto batch = consumer->Poll(milliseconds(20));
        EXPECT_TRUE(batch.ok());
        for (const std::string& payload : Payloads(*batch)) payloads.insert(payload);
        consumer->StoreOffsets(*batch);
      }
    }
    return payloads;
  }
};

TEST_F(RebalanceTest, WhatWasStoredIsCommittedBeforePartitionsMove) {
  MakeTopic(kPartitions);
  int revoked = 0, lost = 0;
  ConsumerOptions options = Options();
  options.on_revoke = [&](auto partitions) { revoked += static_cast<int>(partitions.size()); };
  options.on_lost = [&](auto partitions) { lost += static_cast<int>(partitions.size()); };
  const auto first = Join(std::move(options));
  Fill(100, kPartitions);
  first->StoreOffsets(Take(*first, 100));
  const auto second = Join();
  const std::set<std::string> again = UntilShared(*first, *second);
  EXPECT_TRUE(again.empty()) << again.size() << " came twice, e.g. " << *again.begin();
  EXPECT_EQ(revoked, kPartitions) << "eager: all of them";
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(first->assignment_size() + second->assignment_size(), std::size_t{kPartitions});

  Fill(100, kPartitions, 100);
  const std::size_t one = Take(*first, 50).size();
  EXPECT_EQ(one, 50u);
  EXPECT_EQ(Take(*second, 50).size(), 50u);
}

TEST_F(RebalanceTest, AKeptBatchDoesNotHoldUpTheGroup) {
  MakeTopic(kPartitions);
  Fill(40, kPartitions);
  const auto first = Join();
  std::vector<Message> kept = Take(*first, 40);  // its transaction fails and fails
  EXPECT_TRUE(first->StillOurs());

  std::atomic<bool> done = false;
  std::set<std::string> taken_over;
  std::thread other([&] {
    const auto second = Join();
    while (second->assignment_size() == 0 && !done) {
      auto batch = second->Poll(milliseconds(50));
      for (const std::string& payload : Payloads(*batch)) taken_over.insert(payload);
    }
    if (!done) {
      for (const auto& payload : Payloads(Take(*second, 20 - taken_over.size()))) {
        taken_over.insert(payload);
      }
    }
  });
  const auto deadline = Clock::now() + seconds(20);
  bool ours = true;
  while (ours && Clock::now() < deadline) {
    ours = first->StillOurs();
    std::this_thread::yield();  // the door's backoff
  }
  EXPECT_FALSE(ours);
  kept.clear();
  // Our half comes again, as nothing was stored; the other half went to the other.
  while (first->assignment_size() == 0 && Clock::now() < deadline) {
    first->Poll(milliseconds(20)).IgnoreError();
  }
  other.join();
  EXPECT_EQ(taken_over.size(), 20u);
}

TEST_F(RebalanceTest, StillOursSkipsAndLosesNothing) {
  MakeTopic(kPartitions);
  const auto consumer = Join();
  constexpr int kCount = 2'000;
  std::thread filler([&] {
    for (int i = 0; i < kCount; i += 100) Fill(100, kPartitions, i);
  });
  std::mt19937 random(7);
  std::map<int, std::int64_t> next;
  int taken = 0, pauses = 0;
  const auto deadline = Clock::now() + seconds(60);
  while (taken < kCount && Clock::now() < deadline) {
    const auto batch = consumer->Poll(milliseconds(100), {.max_messages = 1 + random() % 300});
    ASSERT_TRUE(batch.ok());
    for (const Message& message : *batch) {
      ASSERT_EQ(message.offset(), next[message.partition()]) << "partition " << message.partition();
      ++next[message.partition()];
      ++taken;
    }
    for (int i = static_cast<int>(random() % 4); i > 0; --i, ++pauses) {
      ASSERT_TRUE(consumer->StillOurs());
    }
    consumer->StoreOffsets(*batch);
  }
  filler.join();
  EXPECT_EQ(taken, kCount);
  EXPECT_GT(pauses, 3);
}

TEST_F(RebalanceTest, NothingIsCommittedForLostPartitions) {
  MakeTopic(kPartitions);
  Fill(40, kPartitions);
  int lost = 0;
  ConsumerOptions options = Options();
  // The shortest that brokers allow; not polling that long means leaving the group.
  options.settings.properties = {{"max.poll.interval.ms", "6000"}};
  options.on_lost = [&](auto partitions) { lost += static_cast<int>(partitions.size()); };
  const auto first = Join(std::move(options));
  std::vector<Message> batch = Take(*first, 40);

  // A zombie: it sleeps while another takes over and goes further than it ever got.
  const auto second = Join();
  std::vector<Message> theirs = Take(*second, 40);
  Fill(40, kPartitions, 40);
  for (Message& message : Take(*second, 40)) theirs.push_back(std::move(message));
  second->StoreOffsets(theirs);
  ASSERT_EQ(second->CommitSync(), absl::OkStatus());

  // It wakes, believes that it is done, and learns better.
  first->StoreOffsets(batch);
  batch.clear();
  UntilShared(*first, *second);
  EXPECT_EQ(lost, kPartitions);
  theirs.clear();
  ASSERT_EQ(second->Close(seconds(5)), absl::OkStatus());
  Fill(4, kPartitions, 80);
  for (const std::string& payload : Payloads(Take(*first, 4))) {
    EXPECT_GE(std::stoi(payload), 80) << "an offset went backwards";
  }
}

}  // namespace
}  // namespace kafka
