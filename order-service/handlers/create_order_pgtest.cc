#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "libs/inbox/migrations.h"
#include "libs/orchestrator/migrations.h"
#include "libs/outbox/migrations.h"
#include "libs/service/errors.h"
#include "libs/testing/test_database.h"
#include "order-service/handlers/create_order.h"
#include "order-service/migrations/migrations.h"
#include "order-service/saga/create_order.h"

namespace order {
namespace {

class CreateOrderTest : public testing::Test {
 protected:
  static CreateOrderCommand Command(const uuid::Uuid& request_id, int64_t user_id = 1234) {
    return {.request_id = request_id, .user_id = user_id, .lines = {{124, 2}, {123, 4}, {124, 3}}};
  }

  // One transaction; whether it committed.
  absl::Status Handle(std::vector<CreateOrderCommand*> batch) {
    auto connection = *postgres::Connection::Open(database_.service(), "test");
    auto work = outbox::UnitOfWork::Begin(connection);
    absl::Status handled = handler_.Handle(*work, batch);
    return handled.ok() ? work->Commit() : handled;
  }

  testsupport::TestDatabase database_{{&postgres::PartitionMigrations(),
                                       &postgres::OutboxMigrations(), &postgres::InboxMigrations(),
                                       &postgres::OrchestratorMigrations(),
                                       &postgres::OrderMigrations()}};
  prometheus::Registry registry_;
  CreateOrderSaga saga_{"", [](const auto&) {}};
  orchestrator::Orchestrator sagas_{saga_, envelope::Format::kProtobuf, registry_};
  CreateOrder handler_{sagas_};
};

TEST_F(CreateOrderTest, AnOrderItsProductsItsSagaAndItsFirstCommandAreOne) {
  CreateOrderCommand command = Command(uuid::NewV7());
  absl::Status handled = Handle({&command});
  ASSERT_TRUE(handled.ok()) << handled;
  ASSERT_TRUE(command.order.ok()) << command.order.status();
  EXPECT_EQ(command.order->state.status, Status::kPending);
  EXPECT_EQ(command.order->lines, (std::vector<Line>{{123, 4}, {124, 5}}));
  EXPECT_EQ(database_.Ask("SELECT string_agg(product_id || ':' || amount, ' ' ORDER BY product_id) "
                          "FROM order_products"),
            "123:4 124:5");
  EXPECT_EQ(database_.Ask("SELECT step FROM sagas JOIN orders USING (tx_id)"), "product-stock");
  EXPECT_EQ(database_.Ask("SELECT type FROM outbox JOIN orders ON aggregateid = tx_id::text"),
            "product.v1.ReserveStock");
}

TEST_F(CreateOrderTest, TheSameRequestIsTheSameOrder) {
  const uuid::Uuid id = uuid::NewV7();
  CreateOrderCommand first = Command(id), twin = Command(id), later = Command(id);
  twin.lines = {{123, 4}, {124, 5}};  // the same, said otherwise
  ASSERT_TRUE(Handle({&first, &twin}).ok());
  ASSERT_TRUE(Handle({&later}).ok());
  EXPECT_EQ(twin.order->order_id, first.order->order_id);
  EXPECT_EQ(later.order->order_id, first.order->order_id);
  EXPECT_EQ(later.order->lines, first.order->lines);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM orders"), 1);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM outbox"), 1);
}

TEST_F(CreateOrderTest, AnotherRequestUnderTheSameIdIsRefused) {
  const uuid::Uuid id = uuid::NewV7();
  CreateOrderCommand first = Command(id), in_batch = Command(id, 99), later = Command(id, 99);
  CreateOrderCommand other = Command(uuid::NewV7());
  ASSERT_TRUE(Handle({&first, &in_batch, &other}).ok());
  ASSERT_TRUE(Handle({&later}).ok());
  EXPECT_TRUE(first.order.ok() && other.order.ok());
  for (const auto* refused : {&in_batch, &later}) {
    EXPECT_TRUE(absl::IsAlreadyExists(refused->order.status()));
    EXPECT_EQ(service::ReasonOf(refused->order.status()), "REQUEST_ID_REUSED");
  }
}

TEST_F(CreateOrderTest, TwoDoorsWithTheSameRequestsMakeEachOrderOnce) {
  std::vector<uuid::Uuid> ids(40);
  for (uuid::Uuid& id : ids) id = uuid::NewV7();
  auto run = [&](bool backwards) {
    std::vector<CreateOrderCommand> commands;
    for (const uuid::Uuid& id : ids) commands.push_back(Command(id));
    if (backwards) std::reverse(commands.begin(), commands.end());
    std::vector<CreateOrderCommand*> batch;
    for (CreateOrderCommand& command : commands) batch.push_back(&command);
    absl::Status handled = Handle(batch);
    EXPECT_TRUE(handled.ok()) << handled;
  };
  std::thread one(run, false), two(run, true);
  one.join();
  two.join();
  EXPECT_EQ(database_.Count("SELECT count(*) FROM orders"), 40);
  EXPECT_EQ(database_.Count("SELECT count(*) FROM sagas"), 40);
}

}  // namespace
}  // namespace order
