// The table customers, for the gRPC door.
#ifndef ORDER_SAGA_CUSTOMER_SERVICE_STORE_CUSTOMERS_H_
#define ORDER_SAGA_CUSTOMER_SERVICE_STORE_CUSTOMERS_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "customer-service/domain/customer.h"
#include "libs/postgres/transaction.h"

namespace customer {

// As it stands in the table, and in the API: ACTIVE.
std::string_view NameOf(Status status);
Status StatusNamed(std::string_view name);

struct CustomerRow {
  Customer customer;
  // Microseconds since the Unix epoch.
  int64_t created_at = 0;
  int64_t updated_at = 0;
};

// False if the id is taken; nothing is changed then.
absl::StatusOr<bool> InsertCustomer(postgres::Transaction& transaction, const Customer& customer);

absl::StatusOr<std::optional<CustomerRow>> FindCustomer(postgres::Transaction& transaction,
                                                        int64_t user_id);
// The same, locked until the transaction's end.
absl::StatusOr<std::optional<CustomerRow>> LockCustomer(postgres::Transaction& transaction,
                                                        int64_t user_id);

// Name, status and limit of a customer that this transaction has locked.
absl::Status UpdateCustomer(postgres::Transaction& transaction, const Customer& customer);

// Those with a greater id, by id.
absl::StatusOr<std::vector<CustomerRow>> ListCustomers(postgres::Transaction& transaction,
                                                       int64_t after, int limit);

}  // namespace customer

#endif  // ORDER_SAGA_CUSTOMER_SERVICE_STORE_CUSTOMERS_H_
