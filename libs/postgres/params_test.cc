#include "libs/postgres/params.h"

#include <gtest/gtest.h>

#include "libs/postgres/wire.h"

namespace postgres {
namespace {

std::string_view Value(const Params& params, int i) {
  return {params.values()[i], static_cast<size_t>(params.lengths()[i])};
}

TEST(ParamsTest, ScalarsAreInNetworkByteOrder) {
  Params params;
  params.Int64(258).Text("a").Bool(true);
  EXPECT_EQ(params.size(), 3);
  EXPECT_EQ(Value(params, 0), std::string_view("\0\0\0\0\0\0\1\2", 8));
  EXPECT_EQ(Value(params, 1), "a");
  EXPECT_EQ(Value(params, 2), "\1");
  EXPECT_EQ(params.types()[0], wire::kInt8);
}

TEST(ParamsTest, MissingTextIsNull) {
  Params params;
  params.NullableText(std::nullopt);
  EXPECT_EQ(params.values()[0], nullptr);
}

TEST(ParamsTest, EmptyArrayHasNoDimension) {
  Params params;
  params.Int64s({});
  EXPECT_EQ(Value(params, 0), std::string_view("\0\0\0\0\0\0\0\1\0\0\0\x14", 12));
}

TEST(ParamsTest, NumbersComeBackAsTheyWere) {
  for (int64_t value : {int64_t{0}, int64_t{1}, int64_t{-1}, INT64_MIN, INT64_MAX}) {
    std::string out;
    wire::PutInt64(out, value);
    EXPECT_EQ(wire::GetInt(out.data(), 8), value);
  }
  EXPECT_EQ(wire::GetInt("\xff\xff", 2), -1);
}

}  // namespace
}  // namespace postgres
