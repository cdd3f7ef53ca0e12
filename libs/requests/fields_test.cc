#include "libs/requests/fields.h"

#include <gtest/gtest.h>

namespace requests {
namespace {

template <typename Check>
std::string Fault(Check check) {
  service::Violations violations;
  check(violations);
  return std::string(violations.ToStatus().message());
}

std::string NameFault(std::string_view name) {
  return Fault([&](auto& violations) { CheckName(name, "name", violations); });
}

std::string MoneyFault(const std::string& currency, int64_t minor_units) {
  money::v1::Money money;
  money.set_currency_code(currency);
  money.set_minor_units(minor_units);
  return Fault([&](auto& violations) { CheckMoney(money, "unit_price", violations); });
}

TEST(FieldsTest, TextsAreCountedInCharacters) {
  const auto fault = [](std::string_view text) {
    return Fault([&](auto& violations) { CheckText(text, 0, 3, "message", violations); });
  };
  for (const char* fine : {"", "abc", "김치요"}) EXPECT_EQ(fault(fine), "") << fine;
  EXPECT_NE(fault("abcd").find("message must be 0 to 3 characters"), std::string::npos);
  EXPECT_NE(fault(std::string_view("\0", 1)).find("control"), std::string::npos);
}

TEST(FieldsTest, Names) {
  EXPECT_EQ(NameFault("x"), "");
  EXPECT_EQ(NameFault("Crème brûlée 김치"), "");
  std::string umlauts;
  for (int i = 0; i < 200; ++i) umlauts += "ü";
  EXPECT_EQ(NameFault(umlauts), "") << "characters count, not bytes";
  EXPECT_NE(NameFault(umlauts + "u"), "");
  EXPECT_NE(NameFault(""), "");
  EXPECT_NE(NameFault(std::string_view("a\0b", 3)), "");
  EXPECT_NE(NameFault("a\nb"), "");
}

TEST(FieldsTest, Money) {
  EXPECT_EQ(MoneyFault("EUR", 0), "");
  EXPECT_EQ(MoneyFault("KRW", kMaxMinorUnits), "");
  for (const char* currency : {"", "EU", "EURO", "eur", "E1R", "ÄÖ"}) {
    EXPECT_EQ(MoneyFault(currency, 1),
              "the request is not valid: unit_price.currency_code must be three capital letters "
              "(ISO 4217)");
  }
  EXPECT_NE(MoneyFault("EUR", -1), "");
  EXPECT_NE(MoneyFault("EUR", kMaxMinorUnits + 1), "");
}

TEST(FieldsTest, Ids) {
  auto id = [](int64_t id) {
    return Fault([&](auto& violations) { CheckId(id, "product_id", violations); });
  };
  EXPECT_EQ(id(1), "");
  EXPECT_NE(id(0), "");
  EXPECT_NE(id(-7), "");
  auto request_id = [](const std::string& id) {
    return Fault([&](auto& violations) { CheckRequestId(id, violations); });
  };
  EXPECT_EQ(request_id(""), "");
  EXPECT_EQ(request_id("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), "");
  EXPECT_NE(request_id("no"), "");
}

}  // namespace
}  // namespace requests
