// A product and its stock.
#ifndef ORDER_SAGA_PRODUCT_SERVICE_DOMAIN_PRODUCT_H_
#define ORDER_SAGA_PRODUCT_SERVICE_DOMAIN_PRODUCT_H_

#include <cstdint>
#include <string>

#include "absl/container/btree_map.h"

namespace product {

// Of one product, available, reserved and consumed together: small enough that no sum overflows.
inline constexpr int64_t kMaxUnits = 1'000'000'000'000'000'000;
inline constexpr int64_t kMaxPriceMinor = 1'000'000'000'000'000;

struct Product {
  int64_t product_id = 0;
  std::string name;
  int64_t unit_price_minor = 0;  // 0 to kMaxPriceMinor
  std::string currency;
  // Units; none is negative.
  int64_t available = 0;
  int64_t reserved = 0;
  int64_t consumed = 0;

  friend bool operator==(const Product&, const Product&) = default;
};

using Products = absl::btree_map<int64_t, Product>;

enum class Adjusted { kDone, kBelowZero, kTooMany };

// Adds to the available stock, or takes away from it if `delta` is negative. Changes nothing unless
// it answers kDone.
Adjusted Adjust(Product& product, int64_t delta);

}  // namespace product

#endif  // ORDER_SAGA_PRODUCT_SERVICE_DOMAIN_PRODUCT_H_
