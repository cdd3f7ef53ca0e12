// The tables orders and order_products.
#ifndef ORDER_SAGA_ORDER_SERVICE_STORE_ORDERS_H_
#define ORDER_SAGA_ORDER_SERVICE_STORE_ORDERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/postgres/connection.h"
#include "libs/postgres/transaction.h"
#include "libs/uuid/uuid.h"
#include "order-service/domain/order.h"

namespace order {

struct OrderRow {
  uuid::Uuid order_id;
  uuid::Uuid tx_id;
  int64_t user_id = 0;
  std::vector<Line> lines;  // each product once, by product
  State state;
  uuid::Uuid request_id;
  std::string request_hash;
  int64_t created_unix_microseconds = 0;
  int64_t updated_unix_microseconds = 0;
};

// Inserts those of `orders` whose request_id is new, and sets their times. Answers, for each order,
// null if it was inserted, or else the row that has its request_id. The request ids must differ.
absl::StatusOr<std::vector<std::optional<OrderRow>>> InsertNew(postgres::Transaction& transaction,
                                                               absl::Span<OrderRow* const> orders);

// Those of `ids` that exist, locked, in the order of their ids. Without lines.
absl::StatusOr<std::vector<OrderRow>> LockOrders(postgres::Transaction& transaction,
                                                 std::vector<uuid::Uuid> ids);

// Writes the states of locked orders.
absl::Status UpdateStates(postgres::Transaction& transaction,
                          absl::Span<const OrderRow* const> orders);

// Those of `ids` that exist, in no order, with lines.
absl::StatusOr<std::vector<OrderRow>> FindOrders(postgres::Connection& connection,
                                                 const std::vector<uuid::Uuid>& ids);

struct OrderPage {
  std::vector<OrderRow> orders;  // newest first
  bool more = false;
};

// At most `limit` orders older than `before`, of one user or (0) of everybody.
absl::StatusOr<OrderPage> ListOrders(postgres::Connection& connection, int64_t user_id,
                                     const uuid::Uuid& before, int64_t limit);

}  // namespace order

#endif  // ORDER_SAGA_ORDER_SERVICE_STORE_ORDERS_H_
