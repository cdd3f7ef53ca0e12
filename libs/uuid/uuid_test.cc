#include "libs/uuid/uuid.h"

#include <gtest/gtest.h>

#include <chrono>

namespace uuid {
namespace {

TEST(UuidTest, TextRoundTrips) {
  const std::string text = "0192f0c1-2345-7abc-8def-0123456789ab";
  auto id = Parse(text);
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(ToString(*id), text);
  EXPECT_EQ(*Parse("0192F0C1-2345-7ABC-8DEF-0123456789AB"), *id);
  EXPECT_EQ(FromBytes(id->view()), *id);
}

TEST(UuidTest, RefusesWhatIsNoUuid) {
  for (std::string_view text :
       {"", "1", "0192f0c1-2345-7abc-8def-0123456789a", "0192f0c1-2345-7abc-8def-0123456789abc",
        "0192f0c1x2345-7abc-8def-0123456789ab", "0192f0c1-2345-7abc-8def-0123456789ag",
        "0192f0c123457abc8def0123456789abcdef", "{192f0c1-2345-7abc-8def-0123456789a}"}) {
    EXPECT_EQ(Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(UuidTest, Version7CarriesTheTimeAndGrows) {
  auto now = [] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  const int64_t before = now();
  Uuid previous = NewV7();
  for (int i = 0; i < 100'000; ++i) {
    Uuid id = NewV7();
    ASSERT_LT(previous, id);
    previous = id;
  }
  EXPECT_TRUE(IsV7(previous));
  EXPECT_GE(V7Milliseconds(previous), before);
  // Growing by at least one fraction an id may run ahead of the clock, but not far.
  EXPECT_LE(V7Milliseconds(previous), now() + 100);
}

}  // namespace
}  // namespace uuid
