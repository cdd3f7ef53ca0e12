#include "outbox-relay/history/record.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

TEST(HistoryRecordTest, ComesBackAsItWas) {
  const HistoryRecord record{.source = "shop",
                             .slot = "outbox_shop",
                             .generation = 3,
                             .system_id = "7312345678901234567",
                             .timeline = 2,
                             .confirmed = Lsn{0x1'0000'0028},
                             .publication = "16387 f t",
                             .snapshot = "10:20:12,14",
                             .snapshot_at = Lsn{0x1'0000'0000},
                             .offsets = {{"a", {{0, 5}, {11, 1'000'000'000'000}}}, {"b", {{3, 1}}}},
                             .samples = {{"10:21:", Lsn{0x1'0000'0030}}},
                             .published_up_to_seq = 77};
  const absl::StatusOr<HistoryRecord> read = DecodeRecord(Encode(record));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, record);
}

TEST(HistoryRecordTest, WhatIsNoRecordIsAnError) {
  for (const char* text : {"", "{}", "[1]", "{\"version\":1}", "null"}) {
    EXPECT_EQ(DecodeRecord(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  HistoryRecord record;
  std::string later = Encode(record);
  later.replace(later.find("\"version\":1"), 11, "\"version\":2");
  EXPECT_NE(DecodeRecord(later).status().message().find("newer program"), std::string::npos);
}

}  // namespace
}  // namespace relay
