#include "order-service/rpc/order_service.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "libs/requests/page.h"
#include "libs/requests/transact.h"
#include "libs/service/rpc_status.h"
#include "libs/service/trace.h"
#include "libs/telemetry/log.h"
#include "order-service/rpc/order_message.h"
#include "order-service/rpc/validate.h"
#include "order-service/rpc/watch_order.h"

namespace order {
namespace {

using std::chrono::system_clock;

// One CreateOrder from its arrival to its answer. Shared by gRPC, until it is done with it; by the
// door, until the order is committed; and then by the feed, until the call has waited long enough.
class CreateOrderReactor final : public grpc::ServerUnaryReactor,
                                 public std::enable_shared_from_this<CreateOrderReactor> {
 public:
  static std::shared_ptr<CreateOrderReactor> Make(std::chrono::nanoseconds wait, OrderFeed& feed,
                                                  system_clock::time_point deadline,
                                                  v1::CreateOrderResponse* response) {
    std::shared_ptr<CreateOrderReactor> made(
        new CreateOrderReactor(wait, feed, deadline, response));
    made->until_done_ = made;
    return made;
  }

  // Whether nobody waits for the answer any more.
  bool Expired() const {
    std::lock_guard lock(mutex_);
    return cancelled_ || system_clock::now() >= deadline_;
  }

  void End(const grpc::Status& status) {
    std::lock_guard lock(mutex_);
    EndLocked(status);
  }

  // The order is committed: the answer, now or when it has ended.
  void Answer(const OrderRow& order) {
    {
      std::lock_guard lock(mutex_);
      *response_->mutable_order() = ToMessage(order);
      if (cancelled_) return EndLocked(grpc::Status::CANCELLED);
      if (wait_.count() <= 0 || IsLast(order.state)) return EndLocked(grpc::Status::OK);
    }
    const auto wait = std::min<std::chrono::nanoseconds>(wait_, deadline_ - system_clock::now());
    const OrderFeed::WatchId watch = feed_.Watch(
        order.order_id, order.state.version, OrderFeed::Clock::now() + wait,
        [self = shared_from_this()](const OrderRow* news, auto) { return self->Hear(news); });
    {
      std::lock_guard lock(mutex_);
      if (!cancelled_) {
        watch_ = watch;
        return;
      }
    }
    // It was cancelled before it knew what to cancel.
    StopWaiting(watch);
  }

  void OnCancel() override {
    OrderFeed::WatchId watch = 0;
    {
      std::lock_guard lock(mutex_);
      cancelled_ = true;
      watch = watch_;
    }
    // Before there is a watch the door has the call, and finishes it.
    if (watch != 0) StopWaiting(watch);
  }

  void OnDone() override { const auto last_share = std::move(until_done_); }

 private:
  CreateOrderReactor(std::chrono::nanoseconds wait, OrderFeed& feed,
                     system_clock::time_point deadline, v1::CreateOrderResponse* response)
      : wait_(wait), feed_(feed), deadline_(deadline), response_(response) {}

  // News of the order, on the feed's thread. Null: the feed waits no longer.
  bool Hear(const OrderRow* news) {
    std::lock_guard lock(mutex_);
    if (ended_) return false;
    if (news != nullptr) {
      *response_->mutable_order() = ToMessage(*news);
      if (!IsLast(news->state)) return true;
    } else if (system_clock::now() >= deadline_) {
      // The client's own timer may be the later one: it hears one answer, whichever is first.
      EndLocked(grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED,
                             "the order is placed, but has not ended within the call's deadline"));
      return false;
    }
    EndLocked(grpc::Status::OK);
    return false;
  }

  void StopWaiting(OrderFeed::WatchId watch) {
    feed_.Cancel(watch);
    End(grpc::Status::CANCELLED);
  }

  // gRPC takes one end. It does not call back before the mutex is free: reactions have threads of
  // their own.
  void EndLocked(const grpc::Status& status) {
    if (std::exchange(ended_, true)) return;
    Finish(status);
  }

  const std::chrono::nanoseconds wait_;
  OrderFeed& feed_;
  const system_clock::time_point deadline_;
  v1::CreateOrderResponse* const response_;  // gRPC's, until the end

  mutable std::mutex mutex_;  // guards all below
  bool cancelled_ = false;
  bool ended_ = false;
  OrderFeed::WatchId watch_ = 0;  // 0: it does not wait for the feed yet

  std::shared_ptr<CreateOrderReactor> until_done_;  // gRPC's share
};

// The same call as the door has it.
class CreateOrderCall : public group_commit::Call {
 public:
  CreateOrderCall(CreateOrderCommand command, std::shared_ptr<CreateOrderReactor> reactor)
      : command(std::move(command)), reactor_(std::move(reactor)) {}

  bool Expired() const override { return reactor_->Expired(); }

  void Finish(const absl::Status& status) override {
    const absl::Status& outcome = status.ok() ? command.order.status() : status;
    const std::string traceparent = command.traceparent.value_or("");
    const std::string_view trace_id = telemetry::TraceIdIn(traceparent);
    if (!outcome.ok()) return reactor_->End(service::ToGrpc(outcome, trace_id));
    const OrderRow& order = *command.order;
    if (telemetry::LogEnabled(telemetry::Level::kDebug)) {
      telemetry::Debug("order taken", {{"order_id", uuid::ToString(order.order_id)},
                                       {"tx_id", uuid::ToString(order.tx_id)},
                                       {"trace_id", trace_id}});
    }
    reactor_->Answer(order);
  }

  CreateOrderCommand command;

 private:
  const std::shared_ptr<CreateOrderReactor> reactor_;
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
  auto command = ToCommand(*request);
  if (!command.ok()) {
    grpc::ServerUnaryReactor* refused = context->DefaultReactor();
    refused->Finish(service::ToGrpc(context, command.status()));
    return refused;
  }
  service::Trace trace = service::TraceOf(*context);
  command->traceparent = trace.parent.ToString();
  command->tracestate = std::move(trace.state);
  const std::chrono::nanoseconds wait(
      google::protobuf::util::TimeUtil::DurationToNanoseconds(request->wait_timeout()));
  auto reactor = CreateOrderReactor::Make(wait, feed_, context->deadline(), response);
  door_.Submit(std::make_unique<CreateOrderCall>(*std::move(command), reactor));
  return reactor.get();
}

grpc::ServerWriteReactor<v1::WatchOrderResponse>* OrderService::WatchOrder(
    grpc::CallbackServerContext* context, const v1::WatchOrderRequest* request) {
  auto order_id = OrderIdOf(request->order_id());
  if (!order_id.ok()) return RefusedWatch(service::ToGrpc(context, order_id.status()));
  return StartWatch(feed_, *order_id, request->after_version());
}

grpc::Status OrderService::GetOrder(grpc::ServerContext* context,
                                    const v1::GetOrderRequest* request,
                                    v1::GetOrderResponse* response) {
  auto order_id = OrderIdOf(request->order_id());
  if (!order_id.ok()) return service::ToGrpc(context, order_id.status());
  return service::ToGrpc(context, requests::Read(reads_, [&](postgres::Connection& connection) {
                           auto found = FindOrders(connection, {*order_id});
                           if (!found.ok()) return found.status();
                           if (found->empty()) return NoSuchOrder(*order_id);
                           *response->mutable_order() = ToMessage(found->front());
                           return absl::OkStatus();
                         }));
}

grpc::Status OrderService::ListOrders(grpc::ServerContext* context,
                                      const v1::ListOrdersRequest* request,
                                      v1::ListOrdersResponse* response) {
  auto query = ToQuery(*request);
  if (!query.ok()) return service::ToGrpc(context, query.status());
  return service::ToGrpc(context, requests::Read(reads_, [&](postgres::Connection& connection) {
                           auto page = order::ListOrders(connection, query->user_id, query->before,
                                                         query->limit);
                           if (!page.ok()) return page.status();
                           response->Clear();
                           for (const OrderRow& order : page->orders)
                             *response->add_orders() = ToMessage(order);
                           if (page->more) {
                             const std::string last = uuid::ToString(page->orders.back().order_id);
                             response->set_next_page_token(requests::TokenAfter(query->list, last));
                           }
                           return absl::OkStatus();
                         }));
}

}  // namespace order
