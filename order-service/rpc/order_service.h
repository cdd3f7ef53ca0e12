// order.v1.OrderService: what clients call.
#ifndef ORDER_SAGA_ORDER_SERVICE_RPC_ORDER_SERVICE_H_
#define ORDER_SAGA_ORDER_SERVICE_RPC_ORDER_SERVICE_H_

#include "libs/group_commit/door.h"
#include "libs/postgres/pool.h"
#include "order-service/handlers/create_order.h"
#include "order-service/watch/order_feed.h"
#include "order/v1/order_service.grpc.pb.h"

namespace order {

// Calls that wait hold no thread: they are finished by the door and by the feed. The short reads
// run on gRPC's own threads.
using OrderServiceBase = v1::OrderService::WithCallbackMethod_CreateOrder<
    v1::OrderService::WithCallbackMethod_WatchOrder<v1::OrderService::Service>>;

class OrderService final : public OrderServiceBase {
 public:
  // Nothing is owned. `reads`: for GetOrder and ListOrders. `door` must hand its groups to
  // HandleCalls.
  OrderService(postgres::Pool& reads, group_commit::Door& door, OrderFeed& feed)
      : reads_(reads), door_(door), feed_(feed) {}

  // The door's handler: the calls of CreateOrder are the only ones that go through it.
  static group_commit::Handler HandleCalls(order::CreateOrder& handler);

  grpc::ServerUnaryReactor* CreateOrder(grpc::CallbackServerContext* context,
                                        const v1::CreateOrderRequest* request,
                                        v1::CreateOrderResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchOrderResponse>* WatchOrder(
      grpc::CallbackServerContext* context, const v1::WatchOrderRequest* request) override;
  grpc::Status GetOrder(grpc::ServerContext* context, const v1::GetOrderRequest* request,
                        v1::GetOrderResponse* response) override;
  grpc::Status ListOrders(grpc::ServerContext* context, const v1::ListOrdersRequest* request,
                          v1::ListOrdersResponse* response) override;

 private:
  postgres::Pool& reads_;
  group_commit::Door& door_;
  OrderFeed& feed_;
};

}  // namespace order

#endif  // ORDER_SAGA_ORDER_SERVICE_RPC_ORDER_SERVICE_H_
