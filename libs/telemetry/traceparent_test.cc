#include "libs/telemetry/traceparent.h"

#include <gtest/gtest.h>

namespace telemetry {
namespace {

constexpr const char* kValid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceparentTest, WhatCameIsPassedOn) {
  const auto parsed = Traceparent::Parse(kValid);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->ToString(), kValid);
  EXPECT_EQ(parsed->trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
}

TEST(TraceparentTest, ALaterVersionIsReadByItsFirstFields) {
  const std::string later = "cc" + std::string(kValid).substr(2) + "-what-comes-later";
  const auto parsed = Traceparent::Parse(later);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->ToString(), kValid);
}

TEST(TraceparentTest, InvalidTextsAreRefused) {
  for (const char* bad : {
           "",
           "00",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
           "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
           "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
       }) {
    EXPECT_FALSE(Traceparent::Parse(bad).has_value()) << bad;
  }
}

TEST(TraceparentTest, NewOnesAreValidAndDiffer) {
  const Traceparent one = Traceparent::New(), other = Traceparent::New();
  EXPECT_TRUE(Traceparent::Parse(one.ToString()).has_value()) << one.ToString();
  EXPECT_NE(one.trace_id(), other.trace_id());
}

TEST(TraceparentTest, TheTraceIdOfAnybodysText) {
  EXPECT_EQ(TraceIdIn(kValid), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(TraceIdIn(""), "");
  EXPECT_EQ(TraceIdIn("00-trace"), "");
  EXPECT_EQ(TraceIdIn(std::string(300, '0')), "");
}

TEST(TraceparentTest, ATracestateThatMayBePassedOn) {
  EXPECT_EQ(UsableTracestate("rojo=00f067aa0ba902b7,congo=t61"), "rojo=00f067aa0ba902b7,congo=t61");
  EXPECT_EQ(UsableTracestate(std::string(512, 'x')).size(), 512u);
  EXPECT_EQ(UsableTracestate(std::string(513, 'x')), "");
  EXPECT_EQ(UsableTracestate("a=\n"), "");
  EXPECT_EQ(UsableTracestate("a=\xff"), "");
}

}  // namespace
}  // namespace telemetry
