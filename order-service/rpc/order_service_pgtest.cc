// The calls as clients make them, over a gRPC server. No saga is answered: orders stay PENDING
// until a test changes them.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "libs/inbox/migrations.h"
#include "libs/orchestrator/migrations.h"
#include "libs/outbox/migrations.h"
#include "libs/service/errors.h"
#include "libs/service/grpc_server.h"
#include "libs/service/rpc_status.h"
#include "libs/testing/test_database.h"
#include "order-service/migrations/migrations.h"
#include "order-service/rpc/order_service.h"
#include "order-service/rpc/saga_admin_service.h"
#include "order-service/saga/create_order.h"

namespace order {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

class OrderServiceTest : public testing::Test {
 protected:
  OrderServiceTest() {
    server_.Add(v1::OrderService::service_full_name(), &service_);
    for (service::Component* one : Components()) EXPECT_TRUE(one->Start({}).ok());
    stub_ = v1::OrderService::NewStub(
        grpc::CreateChannel(server_.address(), grpc::InsecureChannelCredentials()));
  }
  ~OrderServiceTest() override {
    const auto deadline = steady_clock::now() + seconds(30);
    feed_.BeginDrain();
    EXPECT_TRUE(feed_.AwaitDrained(deadline).ok());
    EXPECT_TRUE(server_.AwaitDrained(deadline).ok());
    EXPECT_TRUE(door_.AwaitDrained(deadline).ok());
  }
  std::vector<service::Component*> Components() { return {&door_, &feed_, &server_}; }

  static v1::CreateOrderRequest Request(seconds wait = seconds(0)) {
    v1::CreateOrderRequest request;
    request.set_user_id(1);
    auto* line = request.add_order_products();
    line->set_product_id(123);
    line->set_amount(4);
    request.mutable_wait_timeout()->set_seconds(wait.count());
    return request;
  }

  static std::unique_ptr<grpc::ClientContext> Context(milliseconds deadline = seconds(30)) {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(system_clock::now() + deadline);
    return context;
  }

  std::string PlaceOrder() {
    v1::CreateOrderResponse response;
    const grpc::Status status = stub_->CreateOrder(Context().get(), Request(), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.order().order_id();
  }

  void Approve(const std::string& order_id) {
    database_.Ask("UPDATE orders SET status = 'APPROVED', version = 2 WHERE order_id = '" +
                  order_id + "' RETURNING status");
    feed_.Announce({*uuid::Parse(order_id)});
  }

  // What a watch says: "1 2 OK", versions and the end.
  std::string Watch(const std::string& order_id, int64_t after_version) {
    v1::WatchOrderRequest request;
    request.set_order_id(order_id);
    request.set_after_version(after_version);
    auto context = Context();
    auto stream = stub_->WatchOrder(context.get(), request);
    v1::WatchOrderResponse response;
    std::string heard;
    while (stream->Read(&response)) heard += std::to_string(response.order().version()) + " ";
    const grpc::Status end = stream->Finish();
    return heard + (end.ok() ? "OK" : service::ReasonOf(service::FromGrpc(end)));
  }

  // Somebody else's doing: waited for, however long it takes.
  void AwaitWatchers(int count) {
    while (feed_.watchers() != count) std::this_thread::yield();
  }

  testsupport::TestDatabase database_{{&postgres::PartitionMigrations(),
                                       &postgres::OutboxMigrations(), &postgres::InboxMigrations(),
                                       &postgres::OrchestratorMigrations(),
                                       &postgres::OrderMigrations()}};
  prometheus::Registry registry_;
  postgres::Pool pool_{database_.service(), "test", 4};
  OrderFeed feed_{pool_, {.tick = std::chrono::hours(1), .max_watchers = 2}};
  CreateOrderSaga saga_{"", [](const auto&) {}};
  orchestrator::Orchestrator sagas_{saga_, envelope::Format::kProtobuf, registry_};
  order::CreateOrder handler_{sagas_};
  group_commit::Door door_{"test", {}, pool_, OrderService::HandleCalls(handler_), registry_};
  OrderService service_{pool_, door_, feed_};
  service::GrpcServer server_{"grpc", {}, registry_};
  std::unique_ptr<v1::OrderService::Stub> stub_;
};

TEST_F(OrderServiceTest, AWatchOfAnOrderThatHasEnded) {
  const std::string id = PlaceOrder();
  Approve(id);
  EXPECT_EQ(Watch(id, 0), "2 OK");
  EXPECT_EQ(Watch(id, 2), "OK") << "nothing newer will come";
}

TEST_F(OrderServiceTest, AWatchOfNothing) {
  EXPECT_EQ(Watch(uuid::ToString(uuid::NewV7()), 0), "ORDER_NOT_FOUND");
  EXPECT_EQ(Watch("7", 0), "INVALID_REQUEST");
}

// A watch must not need the calls' connections, nor hold one of gRPC's threads until it has one.
TEST_F(OrderServiceTest, AWatchWaitsForNoConnection) {
  const std::string id = PlaceOrder();
  Approve(id);
  EXPECT_EQ(Watch(id, 0), "2 OK");  // the feed has its connection
  std::vector<postgres::Pool::Lease> all;
  for (;;) {
    auto lease = pool_.Acquire(absl::Milliseconds(10));
    if (!lease.ok()) break;
    all.push_back(*std::move(lease));
  }
  EXPECT_EQ(Watch(id, 0), "2 OK");
}

TEST_F(OrderServiceTest, MoreWatchersThanTheFlagSaysAreRefused) {
  const std::string id = PlaceOrder();
  v1::WatchOrderRequest request;
  request.set_order_id(id);
  std::unique_ptr<grpc::ClientContext> contexts[] = {Context(), Context()};
  std::unique_ptr<grpc::ClientReader<v1::WatchOrderResponse>> streams[] = {
      stub_->WatchOrder(contexts[0].get(), request), stub_->WatchOrder(contexts[1].get(), request)};
  AwaitWatchers(2);
  EXPECT_EQ(Watch(id, 0), "TOO_MANY_WATCHERS");
  for (int i = 0; i < 2; ++i) contexts[i]->TryCancel();
  AwaitWatchers(0);
  for (int i = 0; i < 2; ++i) streams[i]->Finish();
}

// Calls CreateOrder, which waits a minute for an end that does not come.
class WaitingCall {
 public:
  WaitingCall(v1::OrderService::Stub& stub, v1::CreateOrderRequest request, milliseconds deadline)
      : request_(std::move(request)) {
    context_.set_deadline(system_clock::now() + deadline);
    stub.async()->CreateOrder(&context_, &request_, &response_,
                              [this](grpc::Status status) { end_.set_value(std::move(status)); });
  }
  void Cancel() { context_.TryCancel(); }
  grpc::Status End() { return end_.get_future().get(); }
  const v1::Order& order() const { return response_.order(); }

 private:
  grpc::ClientContext context_;
  const v1::CreateOrderRequest request_;
  v1::CreateOrderResponse response_;
  std::promise<grpc::Status> end_;
};

TEST_F(OrderServiceTest, ACallWaitsForTheOrdersEnd) {
  WaitingCall call(*stub_, Request(seconds(60)), seconds(60));
  AwaitWatchers(1);
  Approve(database_.Ask("SELECT order_id::text FROM orders"));
  EXPECT_TRUE(call.End().ok());
  EXPECT_EQ(call.order().status(), v1::Order::APPROVED);
}

TEST_F(OrderServiceTest, ACancelledCallWaitsNoLonger) {
  WaitingCall call(*stub_, Request(seconds(60)), seconds(60));
  AwaitWatchers(1);
  call.Cancel();
  EXPECT_EQ(call.End().error_code(), grpc::StatusCode::CANCELLED);
  AwaitWatchers(0);
  Approve(database_.Ask("SELECT order_id::text FROM orders"));  // and nobody is told
}

TEST_F(OrderServiceTest, ACallWaitsNoLongerThanItsDeadline) {
  WaitingCall call(*stub_, Request(seconds(60)), milliseconds(500));
  EXPECT_EQ(call.End().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  AwaitWatchers(0);
}

// At every point between its arrival and its end.
TEST_F(OrderServiceTest, CallsThatAreCancelledAtAnyTimeLeaveNothingBehind) {
  for (int i = 0; i < 200; ++i) {
    WaitingCall call(*stub_, Request(seconds(60)), seconds(60));
    // By the clock: a yield may take a busy machine's whole time slice.
    const auto at = std::chrono::steady_clock::now() + std::chrono::microseconds(i * 20);
    while (std::chrono::steady_clock::now() < at) continue;
    call.Cancel();
    // OK: the two before it still watch, as the server has not heard yet that they are cancelled.
    const grpc::Status end = call.End();
    EXPECT_TRUE(end.ok() || end.error_code() == grpc::StatusCode::CANCELLED) << end.error_message();
  }
  AwaitWatchers(0);
}

TEST_F(OrderServiceTest, AFullFeedAnswersWithTheOrderAsItIs) {
  WaitingCall first(*stub_, Request(seconds(60)), seconds(60));
  WaitingCall second(*stub_, Request(seconds(60)), seconds(60));
  AwaitWatchers(2);
  WaitingCall third(*stub_, Request(seconds(60)), seconds(60));
  EXPECT_TRUE(third.End().ok());
  EXPECT_EQ(third.order().status(), v1::Order::PENDING);
  for (WaitingCall* call : {&first, &second}) {
    call->Cancel();
    call->End();
  }
}

TEST_F(OrderServiceTest, ALogWithoutEndIsCut) {
  PlaceOrder();
  SagaAdminService admin(pool_, saga_.table());
  saga::v1::GetSagaRequest request;
  request.set_tx_id(database_.Ask("SELECT tx_id::text FROM sagas"));
  saga::v1::GetSagaResponse response;
  ASSERT_TRUE(admin.GetSaga(nullptr, &request, &response).ok());
  EXPECT_EQ(response.saga().events_size(), 1);
  EXPECT_FALSE(response.saga().events_truncated());
  database_.Ask(
      "INSERT INTO saga_log (tx_id, kind, step, command, command_id, attempt, outcome, message) "
      "SELECT tx_id, kind, step, command, command_id, attempt, outcome, message "
      "FROM saga_log, generate_series(1, 1000) RETURNING ''");
  ASSERT_TRUE(admin.GetSaga(nullptr, &request, &response).ok());
  EXPECT_EQ(response.saga().events_size(), 1000);
  EXPECT_TRUE(response.saga().events_truncated());
}

TEST_F(OrderServiceTest, TheLargestOrderFitsAndMoreIsNotRead) {
  v1::CreateOrderRequest request = Request();
  request.clear_order_products();
  request.set_request_id(uuid::ToString(uuid::NewV7()));
  for (size_t i = 0; i < kMaxLines; ++i) {
    auto* line = request.add_order_products();
    line->set_product_id(INT64_MAX - static_cast<int64_t>(i));
    line->set_amount(kMaxAmount);
  }
  v1::CreateOrderResponse response;
  const grpc::Status placed = stub_->CreateOrder(Context().get(), request, &response);
  EXPECT_TRUE(placed.ok()) << placed.error_message();
  for (int i = 0; i < 10'000; ++i) *request.add_order_products() = request.order_products(0);
  const grpc::Status refused = stub_->CreateOrder(Context().get(), request, &response);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << refused.error_message();
}

}  // namespace
}  // namespace order
