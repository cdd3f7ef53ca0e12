#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "libs/inbox/door.h"
#include "libs/inbox/migrations.h"
#include "libs/kafka/testing/committed.h"
#include "libs/kafka/testing/test_producer.h"
#include "libs/outbox/migrations.h"
#include "libs/testing/servers.h"
#include "libs/testing/test_database.h"

namespace inbox {
namespace {

// Writes payloads down, and lets a test wait for a number of commits.
class Writer : public Handler {
 public:
  absl::Status Handle(outbox::UnitOfWork& work, absl::Span<Delivery* const> batch) override {
    for (Delivery* delivery : batch) {
      auto written =
          work.transaction().Execute("INSERT INTO written (payload) VALUES ($1)",
                                     postgres::Params().Text(delivery->payload().value_or("")));
      if (!written.ok()) return written.status();
    }
    work.AfterCommit([this, count = batch.size()] {
      std::lock_guard lock(mutex_);
      committed_ += count;
      changed_.notify_all();
    });
    return absl::OkStatus();
  }

  void Await(size_t count) {
    std::unique_lock lock(mutex_);
    const bool reached =
        changed_.wait_for(lock, std::chrono::seconds(60), [&] { return committed_ >= count; });
    EXPECT_TRUE(reached) << committed_ << " of " << count << " messages";
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t committed_ = 0;
};

class DoorTest : public testing::Test {
 protected:
  DoorTest() {
    auto owner = database_.Connect();
    EXPECT_TRUE(owner
                    .ExecuteScript("CREATE TABLE written (n serial, payload text);"
                                   "GRANT ALL ON written, written_n_seq TO test_service")
                    .ok());
    options_.settings = {.brokers = testsupport::KafkaServer(), .client_id = "door-test"};
    options_.group = topic_;
    options_.topics = {topic_};
    options_.create_topics = {{.name = topic_, .partitions = 1},
                              {.name = topic_ + "-dlt", .partitions = 1}};
  }

  // Runs a door until `work` has returned.
  void WithDoor(postgres::Pool& pool, const std::function<void()>& work) {
    Door door(options_, pool, writer_, registry_);
    absl::Status ran;
    std::jthread thread([&](std::stop_token stop) { ran = door.Run(stop); });
    work();
    thread.request_stop();
    thread.join();
    EXPECT_TRUE(ran.ok()) << ran;
  }

  void Produce(const std::string& id, const std::string& payload) {
    producer_.Produce({.topic = topic_, .key = "k", .payload = payload, .headers = {{"id", id}}});
    producer_.Flush();
  }

  static std::string NewId() { return uuid::ToString(uuid::NewV7()); }

  std::string Written() {
    return database_.Ask("SELECT string_agg(payload, ',' ORDER BY n) FROM written");
  }

  const std::string topic_ = testsupport::UniqueName("door-");
  testsupport::TestDatabase database_{{&postgres::PartitionMigrations(),
                                       &postgres::OutboxMigrations(),
                                       &postgres::InboxMigrations()}};
  postgres::Pool pool_{database_.service(), "test", 2};
  kafka::TestProducer producer_{testsupport::KafkaServer()};
  prometheus::Registry registry_, another_;  // one for each process; doors of a group share none
  Writer writer_;
  DoorOptions options_;
};

TEST_F(DoorTest, AppliesInOrderThenTellsKafka) {
  WithDoor(pool_, [&] {
    for (const char* payload : {"a", "b", "c"}) Produce(NewId(), payload);
    writer_.Await(3);
  });
  EXPECT_EQ(Written(), "a,b,c");
  EXPECT_EQ(kafka::CommittedOffset(testsupport::KafkaServer(), topic_, topic_, 0), 3);
}

TEST_F(DoorTest, WhatComesAgainAfterACrashIsAppliedOnce) {
  const std::string id = NewId();
  WithDoor(pool_, [&] {
    Produce(id, "once");
    writer_.Await(1);
  });
  // The offset was lost with the process: another group reads from the start.
  options_.group += "-again";
  WithDoor(pool_, [&] {
    Produce(NewId(), "next");
    writer_.Await(2);
  });
  EXPECT_EQ(Written(), "once,next");
}

TEST_F(DoorTest, ADatabaseThatGoesAwayIsWaitedFor) {
  WithDoor(pool_, [&] {
    Produce(NewId(), "before");
    writer_.Await(1);
    // Every connection of the service is cut, in the middle of whatever it does.
    database_.Count(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND usename = 'test_service'");
    Produce(NewId(), "after");
    writer_.Await(2);
  });
  EXPECT_EQ(Written(), "before,after");
}

TEST_F(DoorTest, AMemberHasJoinedEvenWhenOthersHoldAllPartitions) {
  // Of one partition.
  options_.max_joining = std::chrono::hours(1);
  Door first(options_, pool_, writer_, registry_), second(options_, pool_, writer_, another_);
  EXPECT_TRUE(absl::IsUnavailable(first.HasJoined())) << first.HasJoined();
  std::jthread one([&](std::stop_token stop) { EXPECT_TRUE(first.Run(stop).ok()); });
  while (!first.HasJoined().ok()) std::this_thread::yield();
  std::jthread two([&](std::stop_token stop) { EXPECT_TRUE(second.Run(stop).ok()); });
  while (!second.HasJoined().ok()) std::this_thread::yield();
}

// As in a rollout ahead of its migration: all partitions stay with those that can work.
TEST_F(DoorTest, NoMemberBeforeItsDatabaseCanBeUsed) {
  options_.max_joining = std::chrono::hours(1);
  std::atomic<int> checks = 0;
  std::atomic<bool> migrated = false;
  postgres::Pool behind(database_.service(), "test", 1, [&](postgres::Connection&) {
    ++checks;
    return migrated ? absl::OkStatus() : absl::FailedPreconditionError("run `migrate`");
  });
  Door door(options_, behind, writer_, registry_);
  std::jthread thread([&](std::stop_token stop) { EXPECT_TRUE(door.Run(stop).ok()); });
  while (checks < 2) std::this_thread::yield();
  Door other(options_, pool_, writer_, another_);
  std::jthread works([&](std::stop_token stop) { EXPECT_TRUE(other.Run(stop).ok()); });
  for (const char* payload : {"a", "b"}) Produce(NewId(), payload);
  writer_.Await(2);
  EXPECT_FALSE(door.HasJoined().ok());
  migrated = true;
  while (!door.HasJoined().ok()) std::this_thread::yield();
}

TEST_F(DoorTest, AKafkaThatIsAwayIsNotWaitedForWithoutEnd) {
  options_.max_joining = std::chrono::milliseconds(1);
  const Door door(options_, pool_, writer_, registry_);
  while (!door.HasJoined().ok()) std::this_thread::yield();
}

}  // namespace
}  // namespace inbox
