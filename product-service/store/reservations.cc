#include "product-service/store/reservations.h"

#include <array>
#include <utility>

#include "libs/telemetry/check.h"

namespace product {
namespace {

constexpr std::array<std::pair<ReservationState, std::string_view>, 4> kStates = {{
    {ReservationState::kReserved, "RESERVED"},
    {ReservationState::kRefused, "REFUSED"},
    {ReservationState::kReleased, "RELEASED"},
    {ReservationState::kConfirmed, "CONFIRMED"},
}};

}  // namespace

std::string_view NameOf(ReservationState state) {
  for (const auto& [value, name] : kStates) {
    if (value == state) return name;
  }
  telemetry::Die("a reservation's state without a name");
}

ReservationState StateNamed(std::string_view text) {
  for (const auto& [value, name] : kStates) {
    if (name == text) return value;
  }
  telemetry::Die("a reservation's state that the table forbids");
}

absl::StatusOr<std::vector<ReservationRow>> ListReservations(postgres::Transaction& transaction,
                                                             const uuid::Uuid& before,
                                                             std::optional<ReservationState> state,
                                                             int limit) {
  auto rows = state.has_value()
                  ? transaction.Execute(
                        "SELECT tx_id, order_id, state, created_at, updated_at FROM reservations "
                        "WHERE tx_id < $1 AND state = $3 ORDER BY tx_id DESC LIMIT $2",
                        postgres::Params().Id(before).Int64(limit).Text(NameOf(*state)))
                  : transaction.Execute(
                        "SELECT tx_id, order_id, state, created_at, updated_at FROM reservations "
                        "WHERE tx_id < $1 ORDER BY tx_id DESC LIMIT $2",
                        postgres::Params().Id(before).Int64(limit));
  if (!rows.ok()) return rows.status();
  std::vector<uuid::Uuid> tx_ids;
  for (int i = 0; i < rows->rows(); ++i) tx_ids.push_back(rows->Id(i, 0));
  auto lines = FindLines(transaction, tx_ids);
  if (!lines.ok()) return lines.status();
  std::vector<ReservationRow> reservations;
  for (int i = 0; i < rows->rows(); ++i) {
    reservations.push_back({.tx_id = tx_ids[i],
                            .reservation = {.order_id = std::string(rows->Text(i, 1)),
                                            .state = StateNamed(rows->Text(i, 2)),
                                            .lines = std::move((*lines)[tx_ids[i]])},
                            .created_at = rows->UnixMicroseconds(i, 3),
                            .updated_at = rows->UnixMicroseconds(i, 4)});
  }
  return reservations;
}

absl::StatusOr<LinesByTxId> FindLines(postgres::Transaction& transaction,
                                      absl::Span<const uuid::Uuid> tx_ids) {
  LinesByTxId lines;
  if (tx_ids.empty()) return lines;
  auto rows = transaction.Execute(
      "SELECT tx_id, product_id, amount, unit_price_minor FROM reservation_lines "
      "WHERE tx_id = ANY($1::uuid[]) ORDER BY tx_id, product_id",
      postgres::Params().Ids(tx_ids));
  if (!rows.ok()) return rows.status();
  for (int i = 0; i < rows->rows(); ++i) {
    lines[rows->Id(i, 0)].push_back({.product_id = rows->Int64(i, 1),
                                     .amount = rows->Int64(i, 2),
                                     .unit_price_minor = rows->Int64(i, 3)});
  }
  return lines;
}

}  // namespace product
