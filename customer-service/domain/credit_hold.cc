#include "customer-service/domain/credit_hold.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace customer {
namespace {

constexpr size_t kMaxOrderIdLength = 100;

Decision Refused(std::string_view outcome, std::string message) {
  return {.approved = false, .outcome = outcome, .message = std::move(message)};
}

// What makes the command one that nobody should have sent; empty if nothing does.
std::string Malformed(const Wanted& wanted) {
  const bool printable =
      std::ranges::all_of(wanted.order_id, [](char c) { return c > ' ' && c <= '~'; });
  if (wanted.order_id.empty() || wanted.order_id.size() > kMaxOrderIdLength || !printable) {
    return "order_id must be 1 to 100 visible ASCII characters";
  }
  if (wanted.amount_minor < 0) {
    return absl::StrCat("the total is ", wanted.amount_minor, ", it must be 0 or more");
  }
  if (wanted.currency.size() != 3 ||
      !std::ranges::all_of(wanted.currency, [](char c) { return c >= 'A' && c <= 'Z'; })) {
    return "the total's currency must be three capital letters";
  }
  return {};
}

Decision Check(const Customers& customers, const Wanted& wanted) {
  const auto found = customers.find(wanted.user_id);
  if (found == customers.end()) {
    return Refused(kCustomerNotFound, absl::StrCat("there is no customer ", wanted.user_id));
  }
  const Customer& customer = found->second;
  if (customer.status == Status::kBlocked) {
    return Refused(kCustomerBlocked, absl::StrCat("customer ", wanted.user_id, " is blocked"));
  }
  const std::string currency(wanted.currency);
  if (customer.currency != currency) {
    return Refused(kCurrencyMismatch,
                   absl::StrCat("customer ", wanted.user_id, " has credit in ", customer.currency,
                                ", the order costs ", currency));
  }
  if (FreeCredit(customer) < wanted.amount_minor) {
    return Refused(
        kCreditLimitExceeded,
        absl::StrCat("customer ", wanted.user_id, ": ", wanted.amount_minor, " minor units of ",
                     currency, " wanted, ", std::max<int64_t>(0, FreeCredit(customer)), " free"));
  }
  return {};
}

}  // namespace

Decision Hold(std::optional<CreditHold>& hold, Customers& customers, const Wanted& wanted) {
  if (hold.has_value()) {
    if (hold->state == HoldState::kReleased) {
      return Refused(kCancelled, "the order was withdrawn before");
    }
    return Refused(kInvalidCommand, "another command of this saga has made its hold");
  }
  if (std::string why = Malformed(wanted); !why.empty()) {
    return Refused(kInvalidCommand, std::move(why));
  }
  Decision decision = Check(customers, wanted);
  hold = CreditHold{.order_id = std::string(wanted.order_id),
                    .user_id = wanted.user_id,
                    .amount_minor = wanted.amount_minor,
                    .currency = std::string(wanted.currency),
                    .state = decision.approved ? HoldState::kHeld : HoldState::kRefused};
  if (decision.approved) customers.at(wanted.user_id).held_minor += wanted.amount_minor;
  return decision;
}

Decision Release(std::optional<CreditHold>& hold, Customers& customers) {
  if (!hold.has_value()) {
    hold = CreditHold{.state = HoldState::kReleased};
    return {};
  }
  switch (hold->state) {
    case HoldState::kRefused:
    case HoldState::kReleased:
      return {};
    case HoldState::kCaptured:
      return Refused(kTooLate, "the credit is captured; it is charged");
    case HoldState::kHeld:
      break;
  }
  customers.at(hold->user_id).held_minor -= hold->amount_minor;
  hold->state = HoldState::kReleased;
  return {};
}

Decision Capture(std::optional<CreditHold>& hold, Customers& customers) {
  if (!hold.has_value()) return Refused(kNotHeld, "nothing was held");
  switch (hold->state) {
    case HoldState::kRefused:
      return Refused(kNotHeld, "the hold was refused");
    case HoldState::kReleased:
      return Refused(kNotHeld, "the hold was released");
    case HoldState::kCaptured:
      return {};
    case HoldState::kHeld:
      break;
  }
  Customer& customer = customers.at(hold->user_id);
  customer.held_minor -= hold->amount_minor;
  customer.charged_minor += hold->amount_minor;
  hold->state = HoldState::kCaptured;
  return {};
}

}  // namespace customer
