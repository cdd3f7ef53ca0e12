#include "kitchen-service/rpc/ticket_message.h"

#include <google/protobuf/util/time_util.h>

#include <string>

namespace kitchen {

v1::Ticket ToMessage(const TicketRow& row) {
  using google::protobuf::util::TimeUtil;
  v1::Ticket out;
  out.set_ticket_id(uuid::ToString(row.ticket_id));
  out.set_tx_id(uuid::ToString(row.tx_id));
  out.set_order_id(row.ticket.order_id);
  v1::Ticket::State state = v1::Ticket::STATE_UNSPECIFIED;
  v1::Ticket::State_Parse(std::string(NameOf(row.ticket.state)), &state);  // the same names
  out.set_state(state);
  for (const Line& line : row.ticket.lines) {
    v1::TicketLine& filled = *out.add_lines();
    filled.set_product_id(line.product_id);
    filled.set_amount(line.amount);
  }
  *out.mutable_create_time() = TimeUtil::MicrosecondsToTimestamp(row.created_at);
  *out.mutable_update_time() = TimeUtil::MicrosecondsToTimestamp(row.updated_at);
  return out;
}

}  // namespace kitchen
