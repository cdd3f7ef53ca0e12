#include "product-service/rpc/product_message.h"

#include <google/protobuf/util/time_util.h>

#include "libs/telemetry/check.h"

namespace product {

using google::protobuf::util::TimeUtil;

v1::Product ToMessage(const ProductRow& row) {
  v1::Product out;
  out.set_product_id(row.product.product_id);
  out.set_name(row.product.name);
  out.mutable_unit_price()->set_currency_code(row.product.currency);
  out.mutable_unit_price()->set_minor_units(row.product.unit_price_minor);
  out.set_available(row.product.available);
  out.set_reserved(row.product.reserved);
  out.set_consumed(row.product.consumed);
  *out.mutable_create_time() = TimeUtil::MicrosecondsToTimestamp(row.created_at);
  *out.mutable_update_time() = TimeUtil::MicrosecondsToTimestamp(row.updated_at);
  return out;
}

v1::Reservation ToMessage(const ReservationRow& row) {
  v1::Reservation out;
  out.set_tx_id(uuid::ToString(row.tx_id));
  out.set_order_id(row.reservation.order_id);
  v1::Reservation::State state;
  ORDER_SAGA_CHECK(v1::Reservation::State_Parse(std::string(NameOf(row.reservation.state)), &state),
                   "a state has one name in the table and in the API");
  out.set_state(state);
  for (const ReservedLine& line : row.reservation.lines) {
    v1::ReservationLine& added = *out.add_lines();
    added.set_product_id(line.product_id);
    added.set_amount(line.amount);
  }
  *out.mutable_create_time() = TimeUtil::MicrosecondsToTimestamp(row.created_at);
  *out.mutable_update_time() = TimeUtil::MicrosecondsToTimestamp(row.updated_at);
  return out;
}

}  // namespace product
