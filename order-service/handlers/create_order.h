// The command CreateOrder: an order and its saga, in one transaction.
#ifndef ORDER_SAGA_ORDER_SERVICE_HANDLERS_CREATE_ORDER_H_
#define ORDER_SAGA_ORDER_SERVICE_HANDLERS_CREATE_ORDER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/orchestrator/orchestrator.h"
#include "libs/outbox/unit_of_work.h"
#include "libs/uuid/uuid.h"
#include "order-service/domain/order.h"
#include "order-service/store/orders.h"

namespace order {

struct CreateOrderCommand {
  uuid::Uuid request_id;  // the client's, or one made for the call
  int64_t user_id = 0;
  std::vector<Line> lines;  // without faults; each product may stand several times
  std::optional<std::string> traceparent;
  std::string tracestate;  // empty: none

  // The outcome: the order, made now or before by the same request; or ALREADY_EXISTS if the
  // request_id belongs to another request.
  absl::StatusOr<OrderRow> order = absl::UnknownError("not decided yet");
};

class CreateOrder {
 public:
  // `sagas` is not owned.
  explicit CreateOrder(orchestrator::Orchestrator& sagas) : sagas_(sagas) {}

  // Commands of one request_id follow the first of them. Safe to run again, also after a commit.
  // Thread-safe.
  absl::Status Handle(outbox::UnitOfWork& work, absl::Span<CreateOrderCommand* const> batch);

 private:
  orchestrator::Orchestrator& sagas_;
};

}  // namespace order

#endif  // ORDER_SAGA_ORDER_SERVICE_HANDLERS_CREATE_ORDER_H_
