#include "product-service/domain/reservation.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

namespace product {
namespace {

constexpr size_t kMaxLines = 1'000;
constexpr size_t kMaxOrderIdLength = 100;

Decision Refused(std::string_view outcome, std::string message) {
  return {.approved = false, .outcome = outcome, .message = std::move(message)};
}

// What makes the command one that nobody should have sent; empty if nothing does.
std::string Malformed(std::string_view order_id, const std::vector<Line>& lines) {
  const bool printable = std::ranges::all_of(order_id, [](char c) { return c > ' ' && c <= '~'; });
  if (order_id.empty() || order_id.size() > kMaxOrderIdLength || !printable) {
    return "order_id must be 1 to 100 visible ASCII characters";
  }
  if (lines.empty() || lines.size() > kMaxLines) return "lines must be 1 to 1000";
  absl::flat_hash_set<int64_t> seen;
  for (const Line& line : lines) {
    if (line.amount < 1) {
      return absl::StrCat("product ", line.product_id, ": the amount is ", line.amount,
                          ", it must be 1 or more");
    }
    if (!seen.insert(line.product_id).second) {
      return absl::StrCat("product ", line.product_id, " is there twice; sum the amounts");
    }
  }
  return {};
}

// Every product known, of one currency, and there.
Decision Check(const Products& products, const std::vector<Line>& lines) {
  for (const Line& line : lines) {
    if (!products.contains(line.product_id)) {
      return Refused(kUnknownProduct, absl::StrCat("there is no product ", line.product_id));
    }
  }
  const Product& first = products.at(lines.front().product_id);
  for (const Line& line : lines) {
    const Product& product = products.at(line.product_id);
    if (product.currency != first.currency) {
      return Refused(
          kCurrencyMismatch,
          absl::StrCat("product ", first.product_id, " is sold in ", first.currency, ", product ",
                       product.product_id, " in ", product.currency, "; order them apart"));
    }
  }
  for (const Line& line : lines) {
    const Product& product = products.at(line.product_id);
    if (product.available < line.amount) {
      return Refused(kOutOfStock, absl::StrCat("product ", product.product_id, " (", product.name,
                                               "): ", line.amount, " wanted, ", product.available,
                                               " available"));
    }
  }
  return {};
}

// Nothing if the sum is larger than a number can hold.
std::optional<Bill> BillFor(const Products& products, const std::vector<Line>& lines) {
  Bill bill{.currency = products.at(lines.front().product_id).currency};
  for (const Line& line : lines) {
    const int64_t price = products.at(line.product_id).unit_price_minor;
    int64_t cost;
    if (__builtin_mul_overflow(line.amount, price, &cost) ||
        __builtin_add_overflow(bill.total_minor, cost, &bill.total_minor)) {
      return std::nullopt;
    }
    bill.lines.push_back({line.product_id, line.amount, price});
  }
  return bill;
}

}  // namespace

Decision Reserve(std::optional<Reservation>& reservation, Products& products,
                 std::string_view order_id, const std::vector<Line>& lines) {
  if (reservation.has_value()) {
    if (reservation->state == ReservationState::kReleased) {
      return Refused(kCancelled, "the order was withdrawn before");
    }
    return Refused(kInvalidCommand, "another command of this saga has made its reservation");
  }
  if (std::string why = Malformed(order_id, lines); !why.empty()) {
    return Refused(kInvalidCommand, std::move(why));
  }
  Decision decision = Check(products, lines);
  if (decision.approved) {
    decision.bill = BillFor(products, lines);
    if (!decision.bill.has_value()) {
      decision = Refused(kInvalidCommand, "the bill is larger than a number can hold");
    }
  }
  reservation = Reservation{.order_id = std::string(order_id), .state = ReservationState::kRefused};
  if (!decision.approved) return decision;
  for (const Line& line : lines) {
    Product& product = products.at(line.product_id);
    product.available -= line.amount;
    product.reserved += line.amount;
  }
  reservation->state = ReservationState::kReserved;
  reservation->lines = decision.bill->lines;
  return decision;
}

Decision Release(std::optional<Reservation>& reservation, Products& products) {
  if (!reservation.has_value()) {
    reservation = Reservation{.state = ReservationState::kReleased};
    return {};
  }
  switch (reservation->state) {
    case ReservationState::kRefused:
    case ReservationState::kReleased:
      return {};
    case ReservationState::kConfirmed:
      return Refused(kTooLate, "the products are confirmed; they are gone");
    case ReservationState::kReserved:
      break;
  }
  for (const ReservedLine& line : reservation->lines) {
    Product& product = products.at(line.product_id);
    product.reserved -= line.amount;
    product.available += line.amount;
  }
  reservation->state = ReservationState::kReleased;
  return {};
}

Decision Confirm(std::optional<Reservation>& reservation, Products& products) {
  if (!reservation.has_value()) return Refused(kNotReserved, "nothing was reserved");
  switch (reservation->state) {
    case ReservationState::kRefused:
      return Refused(kNotReserved, "the reservation was refused");
    case ReservationState::kReleased:
      return Refused(kNotReserved, "the reservation was released");
    case ReservationState::kConfirmed:
      return {};
    case ReservationState::kReserved:
      break;
  }
  for (const ReservedLine& line : reservation->lines) {
    Product& product = products.at(line.product_id);
    product.reserved -= line.amount;
    product.consumed += line.amount;
  }
  reservation->state = ReservationState::kConfirmed;
  return {};
}

}  // namespace product
