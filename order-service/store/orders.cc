#include "order-service/store/orders.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace order {
namespace {

// Stored: never change the words.
constexpr std::pair<Status, std::string_view> kStatusNames[] = {
    {Status::kPending, "PENDING"},
    {Status::kApproved, "APPROVED"},
    {Status::kRejected, "REJECTED"},
    {Status::kCancelled, "CANCELLED"},
};

std::string NameOf(Status status) {
  for (const auto& [value, name] : kStatusNames) {
    if (value == status) return std::string(name);
  }
  return "";
}

absl::StatusOr<Status> StatusOf(std::string_view name) {
  for (const auto& [value, text] : kStatusNames) {
    if (text == name) return value;
  }
  return absl::DataLossError(absl::StrCat("an order's status is ", std::string(name)));
}

constexpr char kColumns[] =
    "order_id, tx_id, user_id, status, reason, message, total_minor, currency, version, "
    "request_id, request_hash, created_at, updated_at";

// The rows of a SELECT of kColumns, in its order, without lines.
absl::StatusOr<std::vector<OrderRow>> ReadRows(absl::StatusOr<postgres::Result> rows) {
  if (!rows.ok()) return rows.status();
  std::vector<OrderRow> orders;
  for (int i = 0; i < rows->rows(); ++i) {
    OrderRow& order = orders.emplace_back();
    order.order_id = rows->Id(i, 0);
    order.tx_id = rows->Id(i, 1);
    order.user_id = rows->Int64(i, 2);
    auto status = StatusOf(rows->Text(i, 3));
    if (!status.ok()) return status.status();
    order.state.status = *status;
    order.state.reason = std::string(rows->Text(i, 4));
    order.state.message = std::string(rows->Text(i, 5));
    if (!rows->IsNull(i, 6)) {
      order.state.total = Money{rows->Int64(i, 6), std::string(rows->Text(i, 7))};
    }
    order.state.version = rows->Int64(i, 8);
    order.request_id = rows->Id(i, 9);
    order.request_hash = std::string(rows->Text(i, 10));
    order.created_unix_microseconds = rows->UnixMicroseconds(i, 11);
    order.updated_unix_microseconds = rows->UnixMicroseconds(i, 12);
  }
  return orders;
}

// `executor` is a connection or a transaction.
template <typename Executor>
absl::Status ReadLines(Executor& executor, std::vector<OrderRow>& orders) {
  if (orders.empty()) return absl::OkStatus();
  std::map<uuid::Uuid, OrderRow*> by_id;
  std::vector<uuid::Uuid> ids;
  for (OrderRow& order : orders) {
    by_id[order.order_id] = &order;
    ids.push_back(order.order_id);
  }
  auto rows = executor.Execute(
      "SELECT order_id, product_id, amount FROM order_products WHERE order_id = ANY ($1::uuid[]) "
      "ORDER BY order_id, product_id",
      postgres::Params().Ids(ids));
  if (!rows.ok()) return rows.status();
  for (int i = 0; i < rows->rows(); ++i) {
    by_id[rows->Id(i, 0)]->lines.push_back({rows->Int64(i, 1), rows->Int64(i, 2)});
  }
  return absl::OkStatus();
}

absl::Status InsertLines(postgres::Transaction& transaction,
                         const std::vector<const OrderRow*>& orders) {
  std::vector<uuid::Uuid> ids;
  std::vector<int64_t> products, amounts;
  for (const OrderRow* order : orders) {
    for (const Line& line : order->lines) {
      ids.push_back(order->order_id);
      products.push_back(line.product_id);
      amounts.push_back(line.amount);
    }
  }
  return transaction
      .Execute(
          "INSERT INTO order_products SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[])",
          postgres::Params().Ids(ids).Int64s(products).Int64s(amounts))
      .status();
}

// The order that the ids of a batch are locked in, everywhere.
std::vector<OrderRow*> SortedByRequest(absl::Span<OrderRow* const> orders) {
  std::vector<OrderRow*> sorted(orders.begin(), orders.end());
  std::ranges::sort(sorted, {}, &OrderRow::request_id);
  return sorted;
}

}  // namespace

absl::StatusOr<std::vector<std::optional<OrderRow>>> InsertNew(postgres::Transaction& transaction,
                                                               absl::Span<OrderRow* const> orders) {
  std::vector<uuid::Uuid> ids, tx_ids, request_ids;
  std::vector<int64_t> users;
  std::vector<std::optional<std::string>> hashes;
  for (const OrderRow* order : SortedByRequest(orders)) {
    ids.push_back(order->order_id);
    tx_ids.push_back(order->tx_id);
    users.push_back(order->user_id);
    request_ids.push_back(order->request_id);
    hashes.emplace_back(order->request_hash);
  }
  auto inserted = transaction.Execute(
      R"sql(
        INSERT INTO orders (order_id, tx_id, user_id, status, request_id, request_hash)
        SELECT order_id, tx_id, user_id, 'PENDING', request_id, request_hash
          FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::bytea[])
            AS o (order_id, tx_id, user_id, request_id, request_hash)
        ON CONFLICT (request_id) DO NOTHING
        RETURNING request_id, created_at, updated_at
      )sql",
      postgres::Params().Ids(ids).Ids(tx_ids).Int64s(users).Ids(request_ids).NullableBytes(hashes));
  if (!inserted.ok()) return inserted.status();

  std::map<uuid::Uuid, OrderRow*> by_request;
  for (OrderRow* order : orders) by_request[order->request_id] = order;
  std::vector<const OrderRow*> fresh;
  for (int i = 0; i < inserted->rows(); ++i) {
    auto found = by_request.find(inserted->Id(i, 0));
    found->second->created_unix_microseconds = inserted->UnixMicroseconds(i, 1);
    found->second->updated_unix_microseconds = inserted->UnixMicroseconds(i, 2);
    fresh.push_back(found->second);
    by_request.erase(found);
  }
  if (!fresh.empty()) {
    if (absl::Status lines = InsertLines(transaction, fresh); !lines.ok()) return lines;
  }

  std::vector<std::optional<OrderRow>> existing(orders.size());
  if (by_request.empty()) return existing;
  // In a statement of its own: the one above does not see rows that committed while it waited.
  std::vector<uuid::Uuid> losers;
  for (const auto& [request_id, order] : by_request) losers.push_back(request_id);
  auto rows = ReadRows(transaction.Execute(
      absl::StrCat("SELECT ", kColumns, " FROM orders WHERE request_id = ANY ($1::uuid[])"),
      postgres::Params().Ids(losers)));
  if (!rows.ok()) return rows.status();
  if (rows->size() != losers.size()) {
    return absl::AbortedError("an order with the same request_id was rolled back in the meantime");
  }
  if (absl::Status lines = ReadLines(transaction, *rows); !lines.ok()) return lines;
  std::map<uuid::Uuid, OrderRow> found;
  for (OrderRow& row : *rows) found.emplace(row.request_id, std::move(row));
  for (size_t i = 0; i < orders.size(); ++i) {
    auto it = found.find(orders[i]->request_id);
    if (it != found.end()) existing[i] = it->second;
  }
  return existing;
}

absl::StatusOr<std::vector<OrderRow>> LockOrders(postgres::Transaction& transaction,
                                                 std::vector<uuid::Uuid> ids) {
  return ReadRows(transaction.Execute(
      absl::StrCat("SELECT ", kColumns,
                   " FROM orders WHERE order_id = ANY ($1::uuid[]) ORDER BY order_id FOR UPDATE"),
      postgres::Params().Ids(ids)));
}

absl::Status UpdateStates(postgres::Transaction& transaction,
                          absl::Span<const OrderRow* const> orders) {
  if (orders.empty()) return absl::OkStatus();
  std::vector<uuid::Uuid> ids;
  std::vector<std::string> statuses, reasons, messages;
  std::vector<int64_t> totals, versions;  // total: -1 for none
  std::vector<std::optional<std::string>> currencies;
  for (const OrderRow* order : orders) {
    const State& state = order->state;
    ids.push_back(order->order_id);
    statuses.push_back(NameOf(state.status));
    reasons.push_back(state.reason);
    messages.push_back(state.message);
    totals.push_back(state.total ? state.total->minor_units : -1);
    currencies.push_back(state.total ? std::optional(state.total->currency) : std::nullopt);
    versions.push_back(state.version);
  }
  return transaction
      .Execute(
          R"sql(
            UPDATE orders
               SET status = o.status, reason = o.reason, message = o.message,
                   total_minor = nullif(o.total_minor, -1), currency = o.currency,
                   version = o.version, updated_at = clock_timestamp()
              FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[],
                          $6::text[], $7::bigint[])
                AS o (order_id, status, reason, message, total_minor, currency, version)
             WHERE orders.order_id = o.order_id
          )sql",
          postgres::Params()
              .Ids(ids)
              .Texts(statuses)
              .Texts(reasons)
              .Texts(messages)
              .Int64s(totals)
              .NullableTexts(currencies)
              .Int64s(versions))
      .status();
}

absl::StatusOr<std::vector<OrderRow>> FindOrders(postgres::Connection& connection,
                                                 const std::vector<uuid::Uuid>& ids) {
  auto orders = ReadRows(connection.Execute(
      absl::StrCat("SELECT ", kColumns, " FROM orders WHERE order_id = ANY ($1::uuid[])"),
      postgres::Params().Ids(ids)));
  if (!orders.ok()) return orders;
  if (absl::Status lines = ReadLines(connection, *orders); !lines.ok()) return lines;
  return orders;
}

absl::StatusOr<OrderPage> ListOrders(postgres::Connection& connection, int64_t user_id,
                                     const uuid::Uuid& before, int64_t limit) {
  // One more than asked for tells whether there is a next page.
  postgres::Params params;
  params.Id(before).Int64(limit + 1);
  std::string of_user;
  if (user_id != 0) {
    params.Int64(user_id);
    of_user = " AND user_id = $3";
  }
  auto orders = ReadRows(
      connection.Execute(absl::StrCat("SELECT ", kColumns, " FROM orders WHERE order_id < $1",
                                      of_user, " ORDER BY order_id DESC LIMIT $2"),
                         params));
  if (!orders.ok()) return orders.status();
  OrderPage page{*std::move(orders), false};
  if (static_cast<int64_t>(page.orders.size()) > limit) {
    page.orders.pop_back();
    page.more = true;
  }
  if (absl::Status lines = ReadLines(connection, page.orders); !lines.ok()) return lines;
  return page;
}

}  // namespace order
