#include "order-service/rpc/order_service.h"

#include <google/protobuf/util/time_util.h>

#include <memory>
#include <utility>

#include "libs/service/errors.h"
#include "libs/service/rpc_status.h"
#include "libs/service/trace.h"
#include "libs/telemetry/log.h"
#include "order-service/rpc/order_message.h"
#include "order-service/rpc/validate.h"
#include "order-service/rpc/watch_order.h"

namespace order {
namespace {

using std::chrono::system_clock;

constexpr absl::Duration kConnectionWait = absl::Seconds(2);

// One CreateOrder from its arrival to its answer.
class CreateOrderCall : public group_commit::Call {
 public:
  CreateOrderCall(CreateOrderCommand command, std::chrono::nanoseconds wait, OrderFeed& feed,
                  grpc::CallbackServerContext* context, v1::CreateOrderResponse* response,
                  grpc::ServerUnaryReactor* reactor)
      : command(std::move(command)),
        wait_(wait),
        feed_(feed),
        deadline_(context->deadline()),
        response_(response),
        reactor_(reactor) {}

  bool Expired() const override { return system_clock::now() >= deadline_; }

  void Finish(const absl::Status& status) override {
    const absl::Status& outcome = status.ok() ? command.order.status() : status;
    if (!outcome.ok()) return reactor_->Finish(service::ToGrpc(outcome));
    const OrderRow& order = *command.order;
    telemetry::Debug("order taken", {{"order_id", uuid::ToString(order.order_id)},
                                     {"tx_id", uuid::ToString(order.tx_id)}});
    *response_->mutable_order() = ToMessage(order);
    if (wait_.count() <= 0 || order.state.status != Status::kPending) {
      return reactor_->Finish(grpc::Status::OK);
    }
    feed_.Watch(order.order_id, order.state.version, OrderFeed::Clock::now() + wait_,
                [response = response_, reactor = reactor_](const OrderRow* changed, auto) {
                  if (changed != nullptr) *response->mutable_order() = ToMessage(*changed);
                  if (changed != nullptr && changed->state.status == Status::kPending) return true;
                  reactor->Finish(grpc::Status::OK);
                  return false;
                });
  }

  CreateOrderCommand command;

 private:
  const std::chrono::nanoseconds wait_;
  OrderFeed& feed_;
  const system_clock::time_point deadline_;
  v1::CreateOrderResponse* const response_;
  grpc::ServerUnaryReactor* const reactor_;
};

}  // namespace

group_commit::Handler OrderService::HandleCalls(order::CreateOrder& handler) {
  return [&handler](outbox::UnitOfWork& work, absl::Span<group_commit::Call* const> calls) {
    std::vector<CreateOrderCommand*> commands;
    for (group_commit::Call* call : calls) {
      commands.push_back(&static_cast<CreateOrderCall*>(call)->command);
    }
    return handler.Handle(work, commands);
  };
}

grpc::ServerUnaryReactor* OrderService::CreateOrder(grpc::CallbackServerContext* context,
                                                    const v1::CreateOrderRequest* request,
                                                    v1::CreateOrderResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  auto command = ToCommand(*request);
  if (!command.ok()) {
    reactor->Finish(service::ToGrpc(command.status()));
    return reactor;
  }
  command->traceparent = service::TraceOf(*context).ToString();
  const std::chrono::nanoseconds wait(
      google::protobuf::util::TimeUtil::DurationToNanoseconds(request->wait_timeout()));
  door_.Submit(std::make_unique<CreateOrderCall>(*std::move(command), wait, feed_, context,
                                                 response, reactor));
  return reactor;
}

grpc::ServerWriteReactor<v1::WatchOrderResponse>* OrderService::WatchOrder(
    grpc::CallbackServerContext*, const v1::WatchOrderRequest* request) {
  auto order_id = OrderIdOf(request->order_id());
  if (!order_id.ok()) return RefusedWatch(service::ToGrpc(order_id.status()));
  return StartWatch(feed_, *order_id, request->after_version());
}

grpc::Status OrderService::GetOrder(grpc::ServerContext*, const v1::GetOrderRequest* request,
                                    v1::GetOrderResponse* response) {
  auto order_id = OrderIdOf(request->order_id());
  if (!order_id.ok()) return service::ToGrpc(order_id.status());
  auto lease = pool_.Acquire(kConnectionWait);
  if (!lease.ok()) return service::ToGrpc(lease.status());
  auto found = FindOrders(**lease, {*order_id});
  if (!found.ok()) return service::ToGrpc(found.status());
  if (found->empty()) return service::ToGrpc(NoSuchOrder(*order_id));
  *response->mutable_order() = ToMessage(found->front());
  return grpc::Status::OK;
}

grpc::Status OrderService::ListOrders(grpc::ServerContext*, const v1::ListOrdersRequest* request,
                                      v1::ListOrdersResponse* response) {
  auto query = ToQuery(*request);
  if (!query.ok()) return service::ToGrpc(query.status());
  auto lease = pool_.Acquire(kConnectionWait);
  if (!lease.ok()) return service::ToGrpc(lease.status());
  auto page = order::ListOrders(**lease, query->user_id, query->before, query->page_size);
  if (!page.ok()) return service::ToGrpc(page.status());
  for (const OrderRow& order : page->orders) *response->add_orders() = ToMessage(order);
  if (page->more) response->set_next_page_token(PageTokenAfter(page->orders.back().order_id));
  return grpc::Status::OK;
}

}  // namespace order
