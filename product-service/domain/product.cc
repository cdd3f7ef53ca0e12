#include "product-service/domain/product.h"

namespace product {

Adjusted Adjust(Product& product, int64_t delta) {
  // Compared without adding first: delta may be any number.
  if (delta < -product.available) return Adjusted::kBelowZero;
  const int64_t room = kMaxUnits - product.available - product.reserved - product.consumed;
  if (delta > room) return Adjusted::kTooMany;
  product.available += delta;
  return Adjusted::kDone;
}

}  // namespace product
