#include "product-service/store/stock_rows.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "product-service/store/reservations.h"

namespace product {
namespace {

template <typename T>
void SortUnique(std::vector<T>& values) {
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

absl::StatusOr<StockRows> StockRows::Load(postgres::Transaction& transaction,
                                          std::vector<uuid::Uuid> tx_ids,
                                          std::vector<int64_t> product_ids) {
  StockRows rows;
  SortUnique(tx_ids);
  absl::Status loaded = rows.LoadReservations(transaction, tx_ids);
  if (!loaded.ok()) return loaded;
  for (const auto& [tx_id, row] : rows.reservations_) {
    if (row.before != ReservationState::kReserved) continue;
    for (const ReservedLine& line : row.now->lines) product_ids.push_back(line.product_id);
  }
  SortUnique(product_ids);
  loaded = rows.LoadProducts(transaction, product_ids);
  if (!loaded.ok()) return loaded;
  for (const auto& [tx_id, row] : rows.reservations_) {
    if (row.before != ReservationState::kReserved) continue;
    for (const ReservedLine& line : row.now->lines) {
      if (rows.products_.contains(line.product_id)) continue;
      return absl::FailedPreconditionError(absl::StrCat("the reservation of saga ",
                                                        uuid::ToString(tx_id), " holds product ",
                                                        line.product_id, ", which is gone"));
    }
  }
  return rows;
}

absl::Status StockRows::LoadReservations(postgres::Transaction& transaction,
                                         const std::vector<uuid::Uuid>& tx_ids) {
  for (const uuid::Uuid& tx_id : tx_ids) reservations_[tx_id];
  auto rows = transaction.Execute(
      "SELECT tx_id, order_id, state FROM reservations WHERE tx_id = ANY($1::uuid[]) "
      "ORDER BY tx_id FOR UPDATE",
      postgres::Params().Ids(tx_ids));
  if (!rows.ok()) return rows.status();
  std::vector<uuid::Uuid> found;
  for (int i = 0; i < rows->rows(); ++i) {
    const ReservationState state = StateNamed(rows->Text(i, 2));
    reservations_[rows->Id(i, 0)] = {
        .before = state,
        .now = Reservation{.order_id = std::string(rows->Text(i, 1)), .state = state}};
    found.push_back(rows->Id(i, 0));
  }
  auto lines = FindLines(transaction, found);
  if (!lines.ok()) return lines.status();
  for (auto& [tx_id, of_one] : *lines) reservations_[tx_id].now->lines = std::move(of_one);
  return absl::OkStatus();
}

absl::Status StockRows::LoadProducts(postgres::Transaction& transaction,
                                     const std::vector<int64_t>& product_ids) {
  if (product_ids.empty()) return absl::OkStatus();
  auto rows = transaction.Execute(
      "SELECT product_id, name, unit_price_minor, currency, available, reserved, consumed "
      "FROM products WHERE product_id = ANY($1::bigint[]) ORDER BY product_id FOR UPDATE",
      postgres::Params().Int64s(product_ids));
  if (!rows.ok()) return rows.status();
  for (int i = 0; i < rows->rows(); ++i) {
    products_[rows->Int64(i, 0)] = {.product_id = rows->Int64(i, 0),
                                    .name = std::string(rows->Text(i, 1)),
                                    .unit_price_minor = rows->Int64(i, 2),
                                    .currency = std::string(rows->Text(i, 3)),
                                    .available = rows->Int64(i, 4),
                                    .reserved = rows->Int64(i, 5),
                                    .consumed = rows->Int64(i, 6)};
  }
  products_before_ = products_;
  return absl::OkStatus();
}

std::optional<Reservation>& StockRows::reservation(const uuid::Uuid& tx_id) {
  return reservations_.at(tx_id).now;
}

absl::Status StockRows::Save(postgres::Transaction& transaction) {
  if (absl::Status saved = SaveProducts(transaction); !saved.ok()) return saved;
  if (absl::Status saved = InsertReservations(transaction); !saved.ok()) return saved;
  return UpdateReservations(transaction);
}

absl::Status StockRows::SaveProducts(postgres::Transaction& transaction) {
  std::vector<int64_t> ids, available, reserved, consumed;
  for (const auto& [id, product] : products_) {
    if (product == products_before_.at(id)) continue;
    ids.push_back(id);
    available.push_back(product.available);
    reserved.push_back(product.reserved);
    consumed.push_back(product.consumed);
  }
  if (ids.empty()) return absl::OkStatus();
  return transaction
      .Execute(
          "UPDATE products p SET available = c.available, reserved = c.reserved, "
          "consumed = c.consumed, updated_at = clock_timestamp() "
          "FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) "
          "AS c (product_id, available, reserved, consumed) WHERE p.product_id = c.product_id",
          postgres::Params().Int64s(ids).Int64s(available).Int64s(reserved).Int64s(consumed))
      .status();
}

absl::Status StockRows::InsertReservations(postgres::Transaction& transaction) {
  std::vector<uuid::Uuid> tx_ids, line_tx_ids;
  std::vector<std::string> order_ids, states;
  std::vector<int64_t> product_ids, amounts, prices;
  for (const auto& [tx_id, row] : reservations_) {
    if (row.before.has_value() || !row.now.has_value()) continue;
    tx_ids.push_back(tx_id);
    order_ids.push_back(row.now->order_id);
    states.emplace_back(NameOf(row.now->state));
    for (const ReservedLine& line : row.now->lines) {
      line_tx_ids.push_back(tx_id);
      product_ids.push_back(line.product_id);
      amounts.push_back(line.amount);
      prices.push_back(line.unit_price_minor);
    }
  }
  if (tx_ids.empty()) return absl::OkStatus();
  auto inserted = transaction.Execute(
      "INSERT INTO reservations (tx_id, order_id, state) "
      "SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING",
      postgres::Params().Ids(tx_ids).Texts(order_ids).Texts(states));
  if (!inserted.ok()) return inserted.status();
  if (inserted->affected() != static_cast<int64_t>(tx_ids.size())) {
    return absl::AbortedError("another transaction has made a reservation of the same saga");
  }
  if (line_tx_ids.empty()) return absl::OkStatus();
  return transaction
      .Execute(
          "INSERT INTO reservation_lines (tx_id, product_id, amount, unit_price_minor) "
          "SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[])",
          postgres::Params().Ids(line_tx_ids).Int64s(product_ids).Int64s(amounts).Int64s(prices))
      .status();
}

absl::Status StockRows::UpdateReservations(postgres::Transaction& transaction) {
  std::vector<uuid::Uuid> tx_ids;
  std::vector<std::string> states;
  for (const auto& [tx_id, row] : reservations_) {
    if (!row.before.has_value() || *row.before == row.now->state) continue;
    tx_ids.push_back(tx_id);
    states.emplace_back(NameOf(row.now->state));
  }
  if (tx_ids.empty()) return absl::OkStatus();
  return transaction
      .Execute(
          "UPDATE reservations r SET state = c.state, updated_at = clock_timestamp() "
          "FROM unnest($1::uuid[], $2::text[]) AS c (tx_id, state) WHERE r.tx_id = c.tx_id",
          postgres::Params().Ids(tx_ids).Texts(states))
      .status();
}

}  // namespace product
