// The saga that carries an order: stock, customer, kitchen, settle.
#ifndef ORDER_SAGA_ORDER_SERVICE_SAGA_CREATE_ORDER_H_
#define ORDER_SAGA_ORDER_SERVICE_SAGA_CREATE_ORDER_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "libs/orchestrator/saga_owner.h"
#include "libs/saga/step_table.h"
#include "libs/uuid/uuid.h"
#include "order-service/store/orders.h"

namespace order {

// The step table. `topic_prefix` as for topics::WithPrefix.
saga::StepTable CreateOrderSteps(std::string_view topic_prefix);

// What a new order's saga begins with (order.v1.CreateOrderData).
std::string CreateOrderDataOf(const OrderRow& order);

class CreateOrderSaga : public orchestrator::SagaOwner {
 public:
  // `on_changed` is told, after the commit, of the orders whose status changed.
  using OnChanged = std::function<void(const std::vector<uuid::Uuid>& order_ids)>;
  CreateOrderSaga(std::string_view topic_prefix, OnChanged on_changed);

  const saga::StepTable& table() const override { return table_; }
  absl::Status Fill(const saga::CommandToSend& command, std::string_view data,
                    saga::v1::Envelope& envelope) const override;
  absl::Status Absorb(std::string_view command, const saga::v1::Envelope& reply,
                      std::string& data) const override;
  absl::Status React(outbox::UnitOfWork& work,
                     absl::Span<const orchestrator::Happened> happened) override;

 private:
  const saga::StepTable table_;
  const OnChanged on_changed_;
};

}  // namespace order

#endif  // ORDER_SAGA_ORDER_SERVICE_SAGA_CREATE_ORDER_H_
