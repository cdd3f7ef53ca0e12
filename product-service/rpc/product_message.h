// Rows as clients see them.
#ifndef ORDER_SAGA_PRODUCT_SERVICE_RPC_PRODUCT_MESSAGE_H_
#define ORDER_SAGA_PRODUCT_SERVICE_RPC_PRODUCT_MESSAGE_H_

#include "product-service/store/products.h"
#include "product-service/store/reservations.h"
#include "product/v1/product_service.pb.h"

namespace product {

v1::Product ToMessage(const ProductRow& row);
v1::Reservation ToMessage(const ReservationRow& row);

}  // namespace product

#endif  // ORDER_SAGA_PRODUCT_SERVICE_RPC_PRODUCT_MESSAGE_H_
