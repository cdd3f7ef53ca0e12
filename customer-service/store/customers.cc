#include "customer-service/store/customers.h"

#include <string>

#include "libs/telemetry/check.h"

namespace customer {
namespace {

CustomerRow RowAt(const postgres::Result& rows, int i) {
  return {.customer = {.user_id = rows.Int64(i, 0),
                       .name = std::string(rows.Text(i, 1)),
                       .status = StatusNamed(rows.Text(i, 2)),
                       .currency = std::string(rows.Text(i, 3)),
                       .credit_limit_minor = rows.Int64(i, 4),
                       .held_minor = rows.Int64(i, 5),
                       .charged_minor = rows.Int64(i, 6)},
          .created_at = rows.UnixMicroseconds(i, 7),
          .updated_at = rows.UnixMicroseconds(i, 8)};
}

absl::StatusOr<std::optional<CustomerRow>> OneRow(const absl::StatusOr<postgres::Result>& rows) {
  if (!rows.ok()) return rows.status();
  if (rows->rows() == 0) return std::nullopt;
  return RowAt(*rows, 0);
}

}  // namespace

std::string_view NameOf(Status status) { return status == Status::kActive ? "ACTIVE" : "BLOCKED"; }

Status StatusNamed(std::string_view name) {
  if (name == "ACTIVE") return Status::kActive;
  if (name == "BLOCKED") return Status::kBlocked;
  telemetry::Die("a customer's status that the table forbids");
}

absl::StatusOr<bool> InsertCustomer(postgres::Transaction& transaction, const Customer& customer) {
  auto inserted = transaction.Execute(
      "INSERT INTO customers (user_id, name, status, currency, credit_limit_minor) "
      "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
      postgres::Params()
          .Int64(customer.user_id)
          .Text(customer.name)
          .Text(NameOf(customer.status))
          .Text(customer.currency)
          .Int64(customer.credit_limit_minor));
  if (!inserted.ok()) return inserted.status();
  return inserted->affected() == 1;
}

absl::StatusOr<std::optional<CustomerRow>> FindCustomer(postgres::Transaction& transaction,
                                                        int64_t user_id) {
  return OneRow(transaction.Execute(
      "SELECT user_id, name, status, currency, credit_limit_minor, held_minor, charged_minor, "
      "created_at, updated_at FROM customers WHERE user_id = $1",
      postgres::Params().Int64(user_id)));
}

absl::StatusOr<std::optional<CustomerRow>> LockCustomer(postgres::Transaction& transaction,
                                                        int64_t user_id) {
  return OneRow(transaction.Execute(
      "SELECT user_id, name, status, currency, credit_limit_minor, held_minor, charged_minor, "
      "created_at, updated_at FROM customers WHERE user_id = $1 FOR UPDATE",
      postgres::Params().Int64(user_id)));
}

absl::Status UpdateCustomer(postgres::Transaction& transaction, const Customer& customer) {
  return transaction
      .Execute(
          "UPDATE customers SET name = $2, status = $3, credit_limit_minor = $4, "
          "updated_at = clock_timestamp() WHERE user_id = $1",
          postgres::Params()
              .Int64(customer.user_id)
              .Text(customer.name)
              .Text(NameOf(customer.status))
              .Int64(customer.credit_limit_minor))
      .status();
}

absl::StatusOr<std::vector<CustomerRow>> ListCustomers(postgres::Transaction& transaction,
                                                       int64_t after, int limit) {
  auto rows = transaction.Execute(
      "SELECT user_id, name, status, currency, credit_limit_minor, held_minor, charged_minor, "
      "created_at, updated_at FROM customers WHERE user_id > $1 ORDER BY user_id LIMIT $2",
      postgres::Params().Int64(after).Int64(limit));
  if (!rows.ok()) return rows.status();
  std::vector<CustomerRow> customers;
  for (int i = 0; i < rows->rows(); ++i) customers.push_back(RowAt(*rows, i));
  return customers;
}

}  // namespace customer
