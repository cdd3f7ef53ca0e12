#include "libs/requests/page.h"

#include <gtest/gtest.h>

namespace requests {
namespace {

TEST(PageTest, SizesAreCoerced) {
  service::Violations violations;
  EXPECT_EQ(PageOf("products", 0, "", violations).limit, 50);
  EXPECT_EQ(PageOf("products", 7, "", violations).limit, 7);
  EXPECT_EQ(PageOf("products", 501, "", violations).limit, 500);
  EXPECT_TRUE(violations.empty());
  PageOf("products", -1, "", violations);
  EXPECT_EQ(violations.ToStatus().message(),
            "the request is not valid: page_size must be 0 or more");
}

TEST(PageTest, ATokenLeadsToWhatFollows) {
  service::Violations violations;
  const Page numbers = PageOf("products", 1, TokenAfter("products", "42"), violations);
  EXPECT_EQ(NumberAfter(numbers, 0, violations), 42);
  const uuid::Uuid id = uuid::NewV7();
  const Page ids = PageOf("sagas", 1, TokenAfter("sagas", uuid::ToString(id)), violations);
  EXPECT_EQ(IdAfter(ids, GreatestId(), violations), id);
  const Page first = PageOf("products", 1, "", violations);
  EXPECT_EQ(NumberAfter(first, 0, violations), 0);
  EXPECT_EQ(IdAfter(first, GreatestId(), violations), GreatestId());
  EXPECT_TRUE(violations.empty()) << violations.ToStatus();
}

TEST(PageTest, OtherTokensAreRefused) {
  auto is_refused = [](const std::string& token) {
    service::Violations violations;
    const Page page = PageOf("products", 1, token, violations);
    NumberAfter(page, 0, violations);
    return !violations.empty();
  };
  EXPECT_TRUE(is_refused("x"));
  EXPECT_TRUE(is_refused("!"));
  EXPECT_TRUE(is_refused(TokenAfter("products RESERVED", "1"))) << "another list's";
  EXPECT_TRUE(is_refused(TokenAfter("products", ""))) << "no key";
  EXPECT_TRUE(is_refused(TokenAfter("products", "seven"))) << "a key of another kind";
  EXPECT_TRUE(is_refused(TokenAfter("products", "99999999999999999999")));
  EXPECT_FALSE(is_refused(TokenAfter("products", "7")));
}

}  // namespace
}  // namespace requests
