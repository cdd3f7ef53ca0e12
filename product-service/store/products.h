// The table products, for the gRPC door.
#ifndef ORDER_SAGA_PRODUCT_SERVICE_STORE_PRODUCTS_H_
#define ORDER_SAGA_PRODUCT_SERVICE_STORE_PRODUCTS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/postgres/transaction.h"
#include "product-service/domain/product.h"

namespace product {

struct ProductRow {
  Product product;
  // Microseconds since the Unix epoch.
  int64_t created_at = 0;
  int64_t updated_at = 0;
};

// False if the id is taken; nothing is changed then.
absl::StatusOr<bool> InsertProduct(postgres::Transaction& transaction, const Product& product);

absl::StatusOr<std::optional<ProductRow>> FindProduct(postgres::Transaction& transaction,
                                                      int64_t product_id);
// The same, locked until the transaction's end.
absl::StatusOr<std::optional<ProductRow>> LockProduct(postgres::Transaction& transaction,
                                                      int64_t product_id);

// Name, price and available stock of a product that this transaction has locked.
absl::Status UpdateProduct(postgres::Transaction& transaction, const Product& product);

// Those with a greater id, by id.
absl::StatusOr<std::vector<ProductRow>> ListProducts(postgres::Transaction& transaction,
                                                     int64_t after, int limit);

}  // namespace product

#endif  // ORDER_SAGA_PRODUCT_SERVICE_STORE_PRODUCTS_H_
