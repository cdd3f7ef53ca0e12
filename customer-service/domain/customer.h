// A customer and the credit that is left.
#ifndef ORDER_SAGA_CUSTOMER_SERVICE_DOMAIN_CUSTOMER_H_
#define ORDER_SAGA_CUSTOMER_SERVICE_DOMAIN_CUSTOMER_H_

#include <cstdint>
#include <string>

#include "absl/container/btree_map.h"

namespace customer {

// A limit is at most that; so are held and charged together, because a hold needs room below the
// limit. Hence no sum overflows.
inline constexpr int64_t kMaxLimitMinor = 1'000'000'000'000'000;

enum class Status { kActive, kBlocked };

struct Customer {
  int64_t user_id = 0;
  std::string name;
  Status status = Status::kActive;
  std::string currency;
  // Minor units of the currency.
  int64_t credit_limit_minor = 0;  // 0 to kMaxLimitMinor
  int64_t held_minor = 0;          // the sum of live holds
  int64_t charged_minor = 0;       // the sum of captured ones

  friend bool operator==(const Customer&, const Customer&) = default;
};

using Customers = absl::btree_map<int64_t, Customer>;

// What may still be held; negative if the limit was lowered below what is held and charged.
int64_t FreeCredit(const Customer& customer);

}  // namespace customer

#endif  // ORDER_SAGA_CUSTOMER_SERVICE_DOMAIN_CUSTOMER_H_
