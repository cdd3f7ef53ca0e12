#include "order-service/rpc/order_message.h"

#include <google/protobuf/util/time_util.h>

#include "libs/service/errors.h"

namespace order {
namespace {

using google::protobuf::util::TimeUtil;

v1::Order::Status ToMessage(Status status) {
  switch (status) {
    case Status::kPending:
      return v1::Order::PENDING;
    case Status::kApproved:
      return v1::Order::APPROVED;
    case Status::kRejected:
      return v1::Order::REJECTED;
    case Status::kCancelled:
      return v1::Order::CANCELLED;
  }
  return v1::Order::STATUS_UNSPECIFIED;
}

}  // namespace

v1::Order ToMessage(const OrderRow& order) {
  v1::Order out;
  out.set_order_id(uuid::ToString(order.order_id));
  out.set_tx_id(uuid::ToString(order.tx_id));
  out.set_user_id(order.user_id);
  for (const Line& line : order.lines) {
    auto* product = out.add_order_products();
    product->set_product_id(line.product_id);
    product->set_amount(line.amount);
  }
  out.set_status(ToMessage(order.state.status));
  out.set_reason(order.state.reason);
  out.set_message(order.state.message);
  if (order.state.total.has_value()) {
    out.mutable_total()->set_currency_code(order.state.total->currency);
    out.mutable_total()->set_minor_units(order.state.total->minor_units);
  }
  out.set_version(order.state.version);
  *out.mutable_create_time() = TimeUtil::MicrosecondsToTimestamp(order.created_unix_microseconds);
  *out.mutable_update_time() = TimeUtil::MicrosecondsToTimestamp(order.updated_unix_microseconds);
  return out;
}

absl::Status NoSuchOrder(const uuid::Uuid& order_id) {
  const std::string id = uuid::ToString(order_id);
  return service::Error(absl::StatusCode::kNotFound, "ORDER_NOT_FOUND", "there is no order " + id,
                        {{"order_id", id}});
}

}  // namespace order
