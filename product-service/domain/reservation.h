// What an order holds of the products, and the rules by which it gets it, gives it back, or keeps
// it.
#ifndef ORDER_SAGA_PRODUCT_SERVICE_DOMAIN_RESERVATION_H_
#define ORDER_SAGA_PRODUCT_SERVICE_DOMAIN_RESERVATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "product-service/domain/product.h"

namespace product {

enum class ReservationState { kReserved, kRefused, kReleased, kConfirmed };

// What is asked for.
struct Line {
  int64_t product_id = 0;
  int64_t amount = 0;
};

struct ReservedLine {
  int64_t product_id = 0;
  int64_t amount = 0;
  int64_t unit_price_minor = 0;

  friend bool operator==(const ReservedLine&, const ReservedLine&) = default;
};

struct Reservation {
  std::string order_id;
  ReservationState state = ReservationState::kReserved;
  std::vector<ReservedLine> lines;  // of those that were reserved at some time
};

struct Bill {
  std::vector<ReservedLine> lines;
  std::string currency;
  int64_t total_minor = 0;
};

// Outcomes of refusals. They are on the wire: they never change.
inline constexpr std::string_view kOutOfStock = "OUT_OF_STOCK";
inline constexpr std::string_view kUnknownProduct = "UNKNOWN_PRODUCT";
inline constexpr std::string_view kCurrencyMismatch = "CURRENCY_MISMATCH";
inline constexpr std::string_view kCancelled = "CANCELLED";
inline constexpr std::string_view kTooLate = "TOO_LATE";
inline constexpr std::string_view kNotReserved = "NOT_RESERVED";
inline constexpr std::string_view kInvalidCommand = "INVALID_COMMAND";

struct Decision {
  bool approved = true;
  std::string_view outcome;  // why not, for programs
  std::string message;       // the same for people
  std::optional<Bill> bill;  // of Reserve, if approved
};

// Each decides over a saga's one reservation (nothing: there was none yet) and the products, and
// changes both accordingly. `products` holds those of the lines, as far as they exist.

// Takes all lines out of the available stock, or none.
Decision Reserve(std::optional<Reservation>& reservation, Products& products,
                 std::string_view order_id, const std::vector<Line>& lines);

// Gives back what is reserved. Released before it was reserved, it can never be reserved.
Decision Release(std::optional<Reservation>& reservation, Products& products);

// What is reserved is gone for good.
Decision Confirm(std::optional<Reservation>& reservation, Products& products);

}  // namespace product

#endif  // ORDER_SAGA_PRODUCT_SERVICE_DOMAIN_RESERVATION_H_
