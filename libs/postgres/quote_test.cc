#include "libs/postgres/quote.h"

#include <gtest/gtest.h>

namespace postgres {
namespace {

TEST(QuoteTest, AnIdentifierMayHoldAnything) {
  EXPECT_EQ(QuoteIdentifier("shop"), "\"shop\"");
  EXPECT_EQ(QuoteIdentifier("a\"; DROP"), "\"a\"\"; DROP\"");
}

TEST(QuoteTest, ALiteralMeansTheSameWhateverIsSet) {
  EXPECT_EQ(QuoteLiteral("it's"), "'it''s'");
  EXPECT_EQ(QuoteLiteral("a\\'"), " E'a\\\\'''");
}

}  // namespace
}  // namespace postgres
