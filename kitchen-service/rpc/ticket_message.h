// Rows as clients see them.
#ifndef ORDER_SAGA_KITCHEN_SERVICE_RPC_TICKET_MESSAGE_H_
#define ORDER_SAGA_KITCHEN_SERVICE_RPC_TICKET_MESSAGE_H_

#include "kitchen-service/store/tickets.h"
#include "kitchen/v1/kitchen_service.pb.h"

namespace kitchen {

v1::Ticket ToMessage(const TicketRow& row);

}  // namespace kitchen

#endif  // ORDER_SAGA_KITCHEN_SERVICE_RPC_TICKET_MESSAGE_H_
