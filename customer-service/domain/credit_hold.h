// What an order holds of its customer's credit, and the rules by which it gets it, gives it back,
// or charges it.
#ifndef ORDER_SAGA_CUSTOMER_SERVICE_DOMAIN_CREDIT_HOLD_H_
#define ORDER_SAGA_CUSTOMER_SERVICE_DOMAIN_CREDIT_HOLD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "customer-service/domain/customer.h"

namespace customer {

enum class HoldState { kHeld, kRefused, kReleased, kCaptured };

struct CreditHold {
  std::string order_id;
  int64_t user_id = 0;  // 0 if it was released before it was held
  int64_t amount_minor = 0;
  std::string currency;
  HoldState state = HoldState::kHeld;
};

// What is asked for.
struct Wanted {
  std::string_view order_id;
  int64_t user_id = 0;
  int64_t amount_minor = 0;
  std::string_view currency;
};

// Outcomes of refusals. They are on the wire: they never change.
inline constexpr std::string_view kCustomerNotFound = "CUSTOMER_NOT_FOUND";
inline constexpr std::string_view kCustomerBlocked = "CUSTOMER_BLOCKED";
inline constexpr std::string_view kCreditLimitExceeded = "CREDIT_LIMIT_EXCEEDED";
inline constexpr std::string_view kCurrencyMismatch = "CURRENCY_MISMATCH";
inline constexpr std::string_view kCancelled = "CANCELLED";
inline constexpr std::string_view kTooLate = "TOO_LATE";
inline constexpr std::string_view kNotHeld = "NOT_HELD";
inline constexpr std::string_view kInvalidCommand = "INVALID_COMMAND";

struct Decision {
  bool approved = true;
  std::string_view outcome;  // why not, for programs
  std::string message;       // the same for people
};

// Each decides over a saga's one hold (nothing: there was none yet) and the customers, and changes
// both accordingly. `customers` holds the customer of the command or the hold, if there is one.

// Holds the credit of a customer who is known, active, and good for it.
Decision Hold(std::optional<CreditHold>& hold, Customers& customers, const Wanted& wanted);

// Frees what is held. Released before it was held, it can never be held.
Decision Release(std::optional<CreditHold>& hold, Customers& customers);

// What is held is charged.
Decision Capture(std::optional<CreditHold>& hold, Customers& customers);

}  // namespace customer

#endif  // ORDER_SAGA_CUSTOMER_SERVICE_DOMAIN_CREDIT_HOLD_H_
