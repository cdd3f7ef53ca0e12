#include "product-service/store/products.h"

#include <string>

namespace product {
namespace {

ProductRow RowAt(const postgres::Result& rows, int i) {
  return {.product = {.product_id = rows.Int64(i, 0),
                      .name = std::string(rows.Text(i, 1)),
                      .unit_price_minor = rows.Int64(i, 2),
                      .currency = std::string(rows.Text(i, 3)),
                      .available = rows.Int64(i, 4),
                      .reserved = rows.Int64(i, 5),
                      .consumed = rows.Int64(i, 6)},
          .created_at = rows.UnixMicroseconds(i, 7),
          .updated_at = rows.UnixMicroseconds(i, 8)};
}

absl::StatusOr<std::optional<ProductRow>> OneRow(const absl::StatusOr<postgres::Result>& rows) {
  if (!rows.ok()) return rows.status();
  if (rows->rows() == 0) return std::nullopt;
  return RowAt(*rows, 0);
}

}  // namespace

absl::StatusOr<bool> InsertProduct(postgres::Transaction& transaction, const Product& product) {
  auto inserted = transaction.Execute(
      "INSERT INTO products (product_id, name, unit_price_minor, currency, available) "
      "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
      postgres::Params()
          .Int64(product.product_id)
          .Text(product.name)
          .Int64(product.unit_price_minor)
          .Text(product.currency)
          .Int64(product.available));
  if (!inserted.ok()) return inserted.status();
  return inserted->affected() == 1;
}

absl::StatusOr<std::optional<ProductRow>> FindProduct(postgres::Transaction& transaction,
                                                      int64_t product_id) {
  return OneRow(transaction.Execute(
      "SELECT product_id, name, unit_price_minor, currency, available, reserved, consumed, "
      "created_at, updated_at FROM products WHERE product_id = $1",
      postgres::Params().Int64(product_id)));
}

absl::StatusOr<std::optional<ProductRow>> LockProduct(postgres::Transaction& transaction,
                                                      int64_t product_id) {
  return OneRow(transaction.Execute(
      "SELECT product_id, name, unit_price_minor, currency, available, reserved, consumed, "
      "created_at, updated_at FROM products WHERE product_id = $1 FOR UPDATE",
      postgres::Params().Int64(product_id)));
}

absl::Status UpdateProduct(postgres::Transaction& transaction, const Product& product) {
  return transaction
      .Execute(
          "UPDATE products SET name = $2, unit_price_minor = $3, currency = $4, available = $5, "
          "updated_at = clock_timestamp() WHERE product_id = $1",
          postgres::Params()
              .Int64(product.product_id)
              .Text(product.name)
              .Int64(product.unit_price_minor)
              .Text(product.currency)
              .Int64(product.available))
      .status();
}

absl::StatusOr<std::vector<ProductRow>> ListProducts(postgres::Transaction& transaction,
                                                     int64_t after, int limit) {
  auto rows = transaction.Execute(
      "SELECT product_id, name, unit_price_minor, currency, available, reserved, consumed, "
      "created_at, updated_at FROM products WHERE product_id > $1 ORDER BY product_id LIMIT $2",
      postgres::Params().Int64(after).Int64(limit));
  if (!rows.ok()) return rows.status();
  std::vector<ProductRow> products;
  for (int i = 0; i < rows->rows(); ++i) products.push_back(RowAt(*rows, i));
  return products;
}

}  // namespace product
