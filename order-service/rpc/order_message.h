#ifndef ORDER_SAGA_ORDER_SERVICE_RPC_ORDER_MESSAGE_H_
#define ORDER_SAGA_ORDER_SERVICE_RPC_ORDER_MESSAGE_H_

#include "absl/status/status.h"
#include "order-service/store/orders.h"
#include "order/v1/order_service.pb.h"

namespace order {

// An order as clients see it.
v1::Order ToMessage(const OrderRow& order);

// NOT_FOUND, for clients.
absl::Status NoSuchOrder(const uuid::Uuid& order_id);

}  // namespace order

#endif  // ORDER_SAGA_ORDER_SERVICE_RPC_ORDER_MESSAGE_H_
