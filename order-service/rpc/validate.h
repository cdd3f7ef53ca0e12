#ifndef ORDER_SAGA_ORDER_SERVICE_RPC_VALIDATE_H_
#define ORDER_SAGA_ORDER_SERVICE_RPC_VALIDATE_H_

#include <string>

#include "absl/status/statusor.h"
#include "libs/uuid/uuid.h"
#include "order-service/handlers/create_order.h"
#include "order/v1/order_service.pb.h"

namespace order {

// The command that a request asks for (with a new request_id if it has none), or INVALID_ARGUMENT
// naming every field that is wrong.
absl::StatusOr<CreateOrderCommand> ToCommand(const v1::CreateOrderRequest& request);

absl::StatusOr<uuid::Uuid> OrderIdOf(const std::string& order_id);

struct ListQuery {
  int64_t user_id = 0;  // 0: everybody's
  std::string list;     // its name and filter, for requests::TokenAfter
  uuid::Uuid before;
  int limit = 0;
};
absl::StatusOr<ListQuery> ToQuery(const v1::ListOrdersRequest& request);

}  // namespace order

#endif  // ORDER_SAGA_ORDER_SERVICE_RPC_VALIDATE_H_
