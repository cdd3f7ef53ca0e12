#include "customer-service/store/credit_rows.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "customer-service/store/customers.h"
#include "libs/telemetry/check.h"

namespace customer {
namespace {

// As they stand in the table.
constexpr std::array<std::pair<HoldState, std::string_view>, 4> kStates = {{
    {HoldState::kHeld, "HELD"},
    {HoldState::kRefused, "REFUSED"},
    {HoldState::kReleased, "RELEASED"},
    {HoldState::kCaptured, "CAPTURED"},
}};

std::string_view NameOf(HoldState state) {
  for (const auto& [value, name] : kStates) {
    if (value == state) return name;
  }
  telemetry::Die("a hold's state without a name");
}

HoldState StateNamed(std::string_view text) {
  for (const auto& [value, name] : kStates) {
    if (name == text) return value;
  }
  telemetry::Die("a hold's state that the table forbids");
}

template <typename T>
void SortUnique(std::vector<T>& values) {
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

absl::StatusOr<CreditRows> CreditRows::Load(postgres::Transaction& transaction,
                                            std::vector<uuid::Uuid> tx_ids,
                                            std::vector<int64_t> user_ids) {
  CreditRows rows;
  SortUnique(tx_ids);
  if (absl::Status loaded = rows.LoadHolds(transaction, tx_ids); !loaded.ok()) return loaded;
  for (const auto& [tx_id, row] : rows.holds_) {
    if (row.before == HoldState::kHeld) user_ids.push_back(row.now->user_id);
  }
  SortUnique(user_ids);
  if (absl::Status loaded = rows.LoadCustomers(transaction, user_ids); !loaded.ok()) return loaded;
  for (const auto& [tx_id, row] : rows.holds_) {
    if (row.before != HoldState::kHeld || rows.customers_.contains(row.now->user_id)) continue;
    return absl::FailedPreconditionError(absl::StrCat("saga ", uuid::ToString(tx_id),
                                                      " holds credit of customer ",
                                                      row.now->user_id, ", who is gone"));
  }
  return rows;
}

absl::Status CreditRows::LoadHolds(postgres::Transaction& transaction,
                                   const std::vector<uuid::Uuid>& tx_ids) {
  for (const uuid::Uuid& tx_id : tx_ids) holds_[tx_id];
  auto rows = transaction.Execute(
      "SELECT tx_id, order_id, user_id, amount_minor, currency, state FROM credit_holds "
      "WHERE tx_id = ANY($1::uuid[]) ORDER BY tx_id FOR UPDATE",
      postgres::Params().Ids(tx_ids));
  if (!rows.ok()) return rows.status();
  for (int i = 0; i < rows->rows(); ++i) {
    const HoldState state = StateNamed(rows->Text(i, 5));
    holds_[rows->Id(i, 0)] = {.before = state,
                              .now = CreditHold{.order_id = std::string(rows->Text(i, 1)),
                                                .user_id = rows->Int64(i, 2),
                                                .amount_minor = rows->Int64(i, 3),
                                                .currency = std::string(rows->Text(i, 4)),
                                                .state = state}};
  }
  return absl::OkStatus();
}

absl::Status CreditRows::LoadCustomers(postgres::Transaction& transaction,
                                       const std::vector<int64_t>& user_ids) {
  if (user_ids.empty()) return absl::OkStatus();
  auto rows = transaction.Execute(
      "SELECT user_id, name, status, currency, credit_limit_minor, held_minor, charged_minor "
      "FROM customers WHERE user_id = ANY($1::bigint[]) ORDER BY user_id FOR UPDATE",
      postgres::Params().Int64s(user_ids));
  if (!rows.ok()) return rows.status();
  for (int i = 0; i < rows->rows(); ++i) {
    customers_[rows->Int64(i, 0)] = {.user_id = rows->Int64(i, 0),
                                     .name = std::string(rows->Text(i, 1)),
                                     .status = StatusNamed(rows->Text(i, 2)),
                                     .currency = std::string(rows->Text(i, 3)),
                                     .credit_limit_minor = rows->Int64(i, 4),
                                     .held_minor = rows->Int64(i, 5),
                                     .charged_minor = rows->Int64(i, 6)};
  }
  customers_before_ = customers_;
  return absl::OkStatus();
}

std::optional<CreditHold>& CreditRows::hold(const uuid::Uuid& tx_id) {
  return holds_.at(tx_id).now;
}

absl::Status CreditRows::Save(postgres::Transaction& transaction) {
  if (absl::Status saved = SaveCustomers(transaction); !saved.ok()) return saved;
  if (absl::Status saved = InsertHolds(transaction); !saved.ok()) return saved;
  return UpdateHolds(transaction);
}

absl::Status CreditRows::SaveCustomers(postgres::Transaction& transaction) {
  std::vector<int64_t> ids, held, charged;
  for (const auto& [id, customer] : customers_) {
    if (customer == customers_before_.at(id)) continue;
    ids.push_back(id);
    held.push_back(customer.held_minor);
    charged.push_back(customer.charged_minor);
  }
  if (ids.empty()) return absl::OkStatus();
  return transaction
      .Execute(
          "UPDATE customers u SET held_minor = c.held, charged_minor = c.charged, "
          "updated_at = clock_timestamp() "
          "FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS c (user_id, held, charged) "
          "WHERE u.user_id = c.user_id",
          postgres::Params().Int64s(ids).Int64s(held).Int64s(charged))
      .status();
}

absl::Status CreditRows::InsertHolds(postgres::Transaction& transaction) {
  std::vector<uuid::Uuid> tx_ids;
  std::vector<std::string> order_ids, currencies, states;
  std::vector<int64_t> user_ids, amounts;
  for (const auto& [tx_id, row] : holds_) {
    if (row.before.has_value() || !row.now.has_value()) continue;
    tx_ids.push_back(tx_id);
    order_ids.push_back(row.now->order_id);
    user_ids.push_back(row.now->user_id);
    amounts.push_back(row.now->amount_minor);
    currencies.push_back(row.now->currency);
    states.emplace_back(NameOf(row.now->state));
  }
  if (tx_ids.empty()) return absl::OkStatus();
  auto inserted = transaction.Execute(
      "INSERT INTO credit_holds (tx_id, order_id, user_id, amount_minor, currency, state) "
      "SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], "
      "$6::text[]) ON CONFLICT DO NOTHING",
      postgres::Params()
          .Ids(tx_ids)
          .Texts(order_ids)
          .Int64s(user_ids)
          .Int64s(amounts)
          .Texts(currencies)
          .Texts(states));
  if (!inserted.ok()) return inserted.status();
  if (inserted->affected() != static_cast<int64_t>(tx_ids.size())) {
    return absl::AbortedError("another transaction has made a hold of the same saga");
  }
  return absl::OkStatus();
}

absl::Status CreditRows::UpdateHolds(postgres::Transaction& transaction) {
  std::vector<uuid::Uuid> tx_ids;
  std::vector<std::string> states;
  for (const auto& [tx_id, row] : holds_) {
    if (!row.before.has_value() || *row.before == row.now->state) continue;
    tx_ids.push_back(tx_id);
    states.emplace_back(NameOf(row.now->state));
  }
  if (tx_ids.empty()) return absl::OkStatus();
  return transaction
      .Execute(
          "UPDATE credit_holds h SET state = c.state, updated_at = clock_timestamp() "
          "FROM unnest($1::uuid[], $2::text[]) AS c (tx_id, state) WHERE h.tx_id = c.tx_id",
          postgres::Params().Ids(tx_ids).Texts(states))
      .status();
}

}  // namespace customer
