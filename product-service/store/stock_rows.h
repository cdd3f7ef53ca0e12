// The rows that a batch of commands touches: loaded and locked together, decided in memory, written
// together.
#ifndef ORDER_SAGA_PRODUCT_SERVICE_STORE_STOCK_ROWS_H_
#define ORDER_SAGA_PRODUCT_SERVICE_STORE_STOCK_ROWS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/postgres/transaction.h"
#include "libs/uuid/uuid.h"
#include "product-service/domain/reservation.h"

namespace product {

// An identity map: what a command changes is what the next one sees. Not thread-safe.
class StockRows {
 public:
  // Locks the reservations of these sagas in the order of their ids, then these products, and those
  // that are reserved, in the order of theirs. Everybody locks in this order, so nobody waits in a
  // circle. FailedPrecondition if a reserved product is gone.
  static absl::StatusOr<StockRows> Load(postgres::Transaction& transaction,
                                        std::vector<uuid::Uuid> tx_ids,
                                        std::vector<int64_t> product_ids);

  // `tx_id` is one of those loaded; nothing: it has no reservation yet.
  std::optional<Reservation>& reservation(const uuid::Uuid& tx_id);
  Products& products() { return products_; }

  // Writes what has changed, each table with one statement a kind of change. Aborted (run the
  // transaction again) if another transaction has made one of the reservations in the meantime.
  absl::Status Save(postgres::Transaction& transaction);

 private:
  struct Row {
    std::optional<ReservationState> before;
    std::optional<Reservation> now;
  };

  absl::Status LoadReservations(postgres::Transaction& transaction,
                                const std::vector<uuid::Uuid>& tx_ids);
  absl::Status LoadProducts(postgres::Transaction& transaction,
                            const std::vector<int64_t>& product_ids);
  absl::Status SaveProducts(postgres::Transaction& transaction);
  absl::Status InsertReservations(postgres::Transaction& transaction);
  absl::Status UpdateReservations(postgres::Transaction& transaction);

  absl::btree_map<uuid::Uuid, Row> reservations_;
  Products products_before_;
  Products products_;
};

}  // namespace product

#endif  // ORDER_SAGA_PRODUCT_SERVICE_STORE_STOCK_ROWS_H_
