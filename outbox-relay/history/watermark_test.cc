#include "outbox-relay/history/watermark.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

Watermark Example() {
  return {.slot = "outbox_orders",
          .generation = 3,
          .system_id = "7301",
          .timeline = 2,
          .publication_fingerprint = "abc",
          .whole = Lsn{0x1000},
          .open_commit = Lsn{0x2000},
          .open_ordinal = 41,
          .released = {"0192f0c1-2345-7abc-8def-0123456789ab"}};
}

// What a relay knows of itself before it has read the watermark.
Watermark Fresh() {
  Watermark now = Example();
  now.whole = now.open_commit = Lsn{};
  now.open_ordinal = -1;
  now.released.clear();
  return now;
}

TEST(WatermarkTest, ComesBackAsItWasWritten) {
  const absl::StatusOr<Watermark> decoded = DecodeWatermark(Encode(Example()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, Example());
}

TEST(WatermarkTest, RefusesWhatItCannotRead) {
  EXPECT_TRUE(absl::IsInvalidArgument(DecodeWatermark("{").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(DecodeWatermark("{}").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(DecodeWatermark(R"({"version":2})").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      DecodeWatermark(R"({"version":1,"slot":"s","generation":1,"system_id":"1","timeline":1,
        "capture":"","whole":"nonsense","open_commit":"0/0","open_ordinal":-1,"released":[]})")
          .status()));
}

TEST(WatermarkTest, ItsKeyIsNoSourcesName) {
  EXPECT_EQ(WatermarkKey("order-service"), "order-service:watermark");
}

TEST(WatermarkTest, GoesOnWhereItWas) {
  const absl::StatusOr<Watermark> resumed = Resume(Example(), Fresh(), Lsn{0x3000});
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(*resumed, Example());
}

TEST(WatermarkTest, OfAnotherHistoryNoPositionCounts) {
  for (int difference = 0; difference < 4; ++difference) {
    Watermark now = Fresh();
    if (difference == 0) now.slot = "outbox_other";
    if (difference == 1) now.generation = 4;
    if (difference == 2) now.system_id = "7302";
    if (difference == 3) now.timeline = 3;
    const absl::StatusOr<Watermark> resumed = Resume(Example(), now, Lsn{0x3000});
    ASSERT_TRUE(resumed.ok()) << resumed.status();
    now.released = Example().released;
    EXPECT_EQ(*resumed, now) << difference;
  }
}

TEST(WatermarkTest, OfAnotherCaptureOnlyWholeTransactionsCount) {
  Watermark now = Fresh();
  now.publication_fingerprint = "another";
  const absl::StatusOr<Watermark> resumed = Resume(Example(), now, Lsn{0x3000});
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(resumed->whole, Example().whole);
  EXPECT_EQ(resumed->open_ordinal, -1);
  EXPECT_EQ(resumed->released, Example().released);
}

TEST(WatermarkTest, ALogThatEndsBeforeItIsRefused) {
  const absl::Status refused = Resume(Example(), Fresh(), Lsn{0x1fff}).status();
  EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
  EXPECT_NE(refused.message().find("lost writes"), absl::string_view::npos);
}

}  // namespace
}  // namespace relay
