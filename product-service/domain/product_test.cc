#include "product-service/domain/product.h"

#include <gtest/gtest.h>

#include <limits>

namespace product {
namespace {

Product Tomatoes() { return {.available = 10, .reserved = 3, .consumed = 2}; }

TEST(AdjustTest, AddsAndTakesAway) {
  Product product = Tomatoes();
  EXPECT_EQ(Adjust(product, 5), Adjusted::kDone);
  EXPECT_EQ(product.available, 15);
  EXPECT_EQ(Adjust(product, -15), Adjusted::kDone);
  EXPECT_EQ(product.available, 0);
  EXPECT_EQ(product.reserved, 3) << "what orders hold is not touched";
}

TEST(AdjustTest, NeverBelowZero) {
  Product product = Tomatoes();
  EXPECT_EQ(Adjust(product, -11), Adjusted::kBelowZero);
  EXPECT_EQ(Adjust(product, std::numeric_limits<int64_t>::min()), Adjusted::kBelowZero);
  EXPECT_EQ(product, Tomatoes());
}

TEST(AdjustTest, NeverSoMuchThatASumOverflows) {
  Product product = Tomatoes();
  EXPECT_EQ(Adjust(product, std::numeric_limits<int64_t>::max()), Adjusted::kTooMany);
  EXPECT_EQ(Adjust(product, kMaxUnits - 14), Adjusted::kTooMany);
  EXPECT_EQ(product, Tomatoes());
  EXPECT_EQ(Adjust(product, kMaxUnits - 15), Adjusted::kDone);
}

}  // namespace
}  // namespace product
