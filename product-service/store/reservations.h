// The tables reservations and reservation_lines, for readers.
#ifndef ORDER_SAGA_PRODUCT_SERVICE_STORE_RESERVATIONS_H_
#define ORDER_SAGA_PRODUCT_SERVICE_STORE_RESERVATIONS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/postgres/transaction.h"
#include "libs/uuid/uuid.h"
#include "product-service/domain/reservation.h"

namespace product {

// As it stands in the table, and in the API: RESERVED.
std::string_view NameOf(ReservationState state);
ReservationState StateNamed(std::string_view name);

struct ReservationRow {
  uuid::Uuid tx_id;
  Reservation reservation;
  // Microseconds since the Unix epoch.
  int64_t created_at = 0;
  int64_t updated_at = 0;
};

// The newest first, of those older than `before`.
absl::StatusOr<std::vector<ReservationRow>> ListReservations(postgres::Transaction& transaction,
                                                             const uuid::Uuid& before,
                                                             std::optional<ReservationState> state,
                                                             int limit);

using LinesByTxId = absl::flat_hash_map<uuid::Uuid, std::vector<ReservedLine>>;

absl::StatusOr<LinesByTxId> FindLines(postgres::Transaction& transaction,
                                      absl::Span<const uuid::Uuid> tx_ids);

}  // namespace product

#endif  // ORDER_SAGA_PRODUCT_SERVICE_STORE_RESERVATIONS_H_
