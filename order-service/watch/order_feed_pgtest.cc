#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "libs/inbox/migrations.h"
#include "libs/orchestrator/migrations.h"
#include "libs/outbox/migrations.h"
#include "libs/testing/test_database.h"
#include "order-service/migrations/migrations.h"
#include "order-service/watch/order_feed.h"

namespace order {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

constexpr int64_t kNoSuchOrder = -1, kNothingNewer = -2, kTooMany = -3;

// What a watcher hears: versions, and for the end one of the above, or 0.
class Ear {
 public:
  OrderFeed::OnOrder Listen(bool go_on = true) {
    return [this, go_on](const OrderRow* order, OrderFeed::End end) {
      std::lock_guard lock(mutex_);
      heard_.push_back(order == nullptr ? NumberOf(end) : order->state.version);
      changed_.notify_all();
      return go_on;
    };
  }

  std::vector<int64_t> Await(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, seconds(30), [&] { return heard_.size() >= count; });
    return heard_;
  }

 private:
  static int64_t NumberOf(OrderFeed::End end) {
    if (end == OrderFeed::End::kNoSuchOrder) return kNoSuchOrder;
    if (end == OrderFeed::End::kNothingNewer) return kNothingNewer;
    return end == OrderFeed::End::kTooMany ? kTooMany : 0;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int64_t> heard_;
};

class OrderFeedTest : public testing::Test {
 protected:
  OrderFeedTest() { EXPECT_TRUE(feed_.Start({}).ok()); }

  uuid::Uuid MakeOrder() {
    auto connection = *postgres::Connection::Open(database_.service(), "test");
    auto transaction = postgres::Transaction::Begin(connection);
    OrderRow order{.order_id = uuid::NewV7(),
                   .tx_id = uuid::NewV7(),
                   .user_id = 1,
                   .lines = {{1, 1}},
                   .request_id = uuid::NewV7(),
                   .request_hash = "h"};
    OrderRow* one[] = {&order};
    EXPECT_TRUE(InsertNew(*transaction, one).ok());
    EXPECT_TRUE(transaction->Commit().ok());
    return order.order_id;
  }

  void ApproveInDatabase(const uuid::Uuid& id) {
    database_.Count("UPDATE orders SET status = 'APPROVED', version = 2 WHERE order_id = '" +
                    uuid::ToString(id) + "' RETURNING version");
  }

  static OrderFeed::Clock::time_point Never() { return OrderFeed::Clock::time_point::max(); }

  testsupport::TestDatabase database_{{&postgres::PartitionMigrations(),
                                       &postgres::OutboxMigrations(), &postgres::InboxMigrations(),
                                       &postgres::OrchestratorMigrations(),
                                       &postgres::OrderMigrations()}};
  postgres::Pool pool_{database_.service(), "test", 4};
  Ear ear_;  // outlives the feed, which tells it of the end
  OrderFeed feed_{pool_, {.tick = std::chrono::hours(1)}};  // so that only notifications bring news
};

TEST_F(OrderFeedTest, SendsTheStateAtOnceAndThenEachChange) {
  const uuid::Uuid id = MakeOrder();
  feed_.Watch(id, 0, Never(), ear_.Listen());
  EXPECT_THAT(ear_.Await(1), ElementsAre(1));
  ApproveInDatabase(id);
  feed_.Announce({id});
  EXPECT_THAT(ear_.Await(2), ElementsAre(1, 2));
}

TEST_F(OrderFeedTest, AReconnectMissesNothingAndRepeatsNothing) {
  const uuid::Uuid id = MakeOrder();
  ApproveInDatabase(id);
  feed_.Watch(id, 1, Never(), ear_.Listen());
  EXPECT_THAT(ear_.Await(1), ElementsAre(2));
}

TEST_F(OrderFeedTest, HearsOfChangesOnAnotherReplica) {
  const uuid::Uuid id = MakeOrder();
  feed_.Watch(id, 0, Never(), ear_.Listen());
  EXPECT_THAT(ear_.Await(1), ElementsAre(1));
  postgres::Pool other_pool(database_.service(), "test", 1);
  OrderFeed other(other_pool, {.tick = std::chrono::hours(1)});
  ASSERT_TRUE(other.Start({}).ok());
  ApproveInDatabase(id);
  other.Announce({id});
  EXPECT_THAT(ear_.Await(2), ElementsAre(1, 2));
}

TEST_F(OrderFeedTest, ALostNotificationIsMadeUpFor) {
  OrderFeed ticking(pool_, {.tick = milliseconds(50)});
  ASSERT_TRUE(ticking.Start({}).ok());
  const uuid::Uuid id = MakeOrder();
  ticking.Watch(id, 0, Never(), ear_.Listen());
  EXPECT_THAT(ear_.Await(1), ElementsAre(1));
  ApproveInDatabase(id);  // and nobody announces it
  EXPECT_THAT(ear_.Await(2), ElementsAre(1, 2));
}

TEST_F(OrderFeedTest, AnOrderThatNobodyPlacedIsNotWaitedFor) {
  feed_.Watch(uuid::NewV7(), 0, Never(), ear_.Listen());
  EXPECT_THAT(ear_.Await(1), ElementsAre(kNoSuchOrder));
}

TEST_F(OrderFeedTest, AnOrderThatHasEndedIsNotWaitedFor) {
  const uuid::Uuid id = MakeOrder();
  ApproveInDatabase(id);
  feed_.Watch(id, 2, Never(), ear_.Listen());
  EXPECT_THAT(ear_.Await(1), ElementsAre(kNothingNewer));
  feed_.Watch(id, 1, Never(), ear_.Listen(/*go_on=*/false));
  EXPECT_THAT(ear_.Await(2), ElementsAre(kNothingNewer, 2));
}

TEST_F(OrderFeedTest, OneMoreWatcherThanItHoldsIsRefused) {
  OrderFeed small(pool_, {.tick = std::chrono::hours(1), .max_watchers = 1});
  const uuid::Uuid id = MakeOrder();
  Ear first;
  const auto watch = small.Watch(id, 1, Never(), first.Listen());
  small.Cancel(small.Watch(id, 1, Never(), ear_.Listen()));
  EXPECT_THAT(ear_.Await(1), ElementsAre(kTooMany));
  small.Cancel(watch);
  EXPECT_EQ(small.watchers(), 0);
  small.Watch(id, 1, Never(), first.Listen());
  EXPECT_EQ(small.watchers(), 1);
}

TEST_F(OrderFeedTest, EndsAtTheDeadline) {
  feed_.Watch(MakeOrder(), 1, OrderFeed::Clock::now() + milliseconds(1), ear_.Listen());
  EXPECT_THAT(ear_.Await(1), ElementsAre(0));
}

TEST_F(OrderFeedTest, ADrainEndsEveryWatchOldAndNew) {
  const uuid::Uuid id = MakeOrder();
  feed_.Watch(id, 0, Never(), ear_.Listen());
  EXPECT_THAT(ear_.Await(1), ElementsAre(1));
  feed_.BeginDrain();
  EXPECT_THAT(ear_.Await(2), ElementsAre(1, 0));
  feed_.Watch(id, 0, Never(), ear_.Listen());
  EXPECT_THAT(ear_.Await(3), ElementsAre(1, 0, 0));
}

TEST_F(OrderFeedTest, SurvivesTheLossOfItsConnection) {
  const uuid::Uuid id = MakeOrder();
  feed_.Watch(id, 0, Never(), ear_.Listen());
  EXPECT_THAT(ear_.Await(1), ElementsAre(1));
  database_.Count(
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
      "WHERE datname = current_database() AND usename = 'test_service'");
  ApproveInDatabase(id);
  feed_.Announce({id});
  EXPECT_THAT(ear_.Await(2), ElementsAre(1, 2));
}

TEST_F(OrderFeedTest, StrangersNotificationsDoNoHarm) {
  const uuid::Uuid id = MakeOrder();
  feed_.Watch(id, 0, Never(), ear_.Listen());
  EXPECT_THAT(ear_.Await(1), ElementsAre(1));
  auto stranger = database_.Connect();
  ASSERT_TRUE(
      stranger.ExecuteScript("NOTIFY order_changed, 'nonsense'; NOTIFY order_changed").ok());
  ApproveInDatabase(id);
  feed_.Announce({id});
  EXPECT_THAT(ear_.Await(2), ElementsAre(1, 2));
}

}  // namespace
}  // namespace order
