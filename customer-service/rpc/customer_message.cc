#include "customer-service/rpc/customer_message.h"

#include <google/protobuf/util/time_util.h>

namespace customer {

using google::protobuf::util::TimeUtil;

v1::Customer ToMessage(const CustomerRow& row) {
  v1::Customer out;
  out.set_user_id(row.customer.user_id);
  out.set_name(row.customer.name);
  out.set_status(row.customer.status == Status::kActive ? v1::Customer::ACTIVE
                                                        : v1::Customer::BLOCKED);
  out.mutable_credit_limit()->set_currency_code(row.customer.currency);
  out.mutable_credit_limit()->set_minor_units(row.customer.credit_limit_minor);
  out.set_held_minor_units(row.customer.held_minor);
  out.set_charged_minor_units(row.customer.charged_minor);
  *out.mutable_create_time() = TimeUtil::MicrosecondsToTimestamp(row.created_at);
  *out.mutable_update_time() = TimeUtil::MicrosecondsToTimestamp(row.updated_at);
  return out;
}

}  // namespace customer
