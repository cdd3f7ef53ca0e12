// The stream of WatchOrder.
#ifndef ORDER_SAGA_ORDER_SERVICE_RPC_WATCH_ORDER_H_
#define ORDER_SAGA_ORDER_SERVICE_RPC_WATCH_ORDER_H_

#include <cstdint>

#include "libs/uuid/uuid.h"
#include "order-service/watch/order_feed.h"
#include "order/v1/order_service.grpc.pb.h"

namespace order {

// A stream that sends each state above `after_version` and ends after the last one, when the client
// goes, or (UNAVAILABLE: come again) when the feed is drained; NOT_FOUND if there is no such order,
// RESOURCE_EXHAUSTED if too many watch. Nothing waits in here: the feed asks the database. Deletes
// itself when it is done.
grpc::ServerWriteReactor<v1::WatchOrderResponse>* StartWatch(OrderFeed& feed,
                                                             const uuid::Uuid& order_id,
                                                             int64_t after_version);

// A stream that ends at once.
grpc::ServerWriteReactor<v1::WatchOrderResponse>* RefusedWatch(const grpc::Status& status);

}  // namespace order

#endif  // ORDER_SAGA_ORDER_SERVICE_RPC_WATCH_ORDER_H_
