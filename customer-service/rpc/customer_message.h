// Rows as clients see them.
#ifndef ORDER_SAGA_CUSTOMER_SERVICE_RPC_CUSTOMER_MESSAGE_H_
#define ORDER_SAGA_CUSTOMER_SERVICE_RPC_CUSTOMER_MESSAGE_H_

#include "customer-service/store/customers.h"
#include "customer/v1/customer_service.pb.h"

namespace customer {

v1::Customer ToMessage(const CustomerRow& row);

}  // namespace customer

#endif  // ORDER_SAGA_CUSTOMER_SERVICE_RPC_CUSTOMER_MESSAGE_H_
