// The rows that a batch of commands touches: loaded and locked together, decided in memory, written
// together.
#ifndef ORDER_SAGA_CUSTOMER_SERVICE_STORE_CREDIT_ROWS_H_
#define ORDER_SAGA_CUSTOMER_SERVICE_STORE_CREDIT_ROWS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "customer-service/domain/credit_hold.h"
#include "libs/postgres/transaction.h"
#include "libs/uuid/uuid.h"

namespace customer {

// An identity map: what a command changes is what the next one sees. Not thread-safe.
class CreditRows {
 public:
  // Locks the holds of these sagas in the order of their ids, then these customers, and those of
  // the holds, in the order of theirs. Everybody locks in this order, so nobody waits in a circle.
  // FailedPrecondition if a live hold's customer is gone.
  static absl::StatusOr<CreditRows> Load(postgres::Transaction& transaction,
                                         std::vector<uuid::Uuid> tx_ids,
                                         std::vector<int64_t> user_ids);

  // `tx_id` is one of those loaded; nothing: it has no hold yet.
  std::optional<CreditHold>& hold(const uuid::Uuid& tx_id);
  Customers& customers() { return customers_; }

  // Writes what has changed, each table with one statement a kind of change. Aborted (run the
  // transaction again) if another transaction has made one of the holds in the meantime.
  absl::Status Save(postgres::Transaction& transaction);

 private:
  struct Row {
    std::optional<HoldState> before;
    std::optional<CreditHold> now;
  };

  absl::Status LoadHolds(postgres::Transaction& transaction, const std::vector<uuid::Uuid>& tx_ids);
  absl::Status LoadCustomers(postgres::Transaction& transaction,
                             const std::vector<int64_t>& user_ids);
  absl::Status SaveCustomers(postgres::Transaction& transaction);
  absl::Status InsertHolds(postgres::Transaction& transaction);
  absl::Status UpdateHolds(postgres::Transaction& transaction);

  absl::btree_map<uuid::Uuid, Row> holds_;
  Customers customers_before_;
  Customers customers_;
};

}  // namespace customer

#endif  // ORDER_SAGA_CUSTOMER_SERVICE_STORE_CREDIT_ROWS_H_
