#include "outbox-relay/source/timeline_history.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

// As a server of timeline 3 has it.
constexpr char kFile[] =
    "1\t0/3000148\tno recovery target specified\n"
    "\n"
    "# a comment\n"
    "2\t1/A0\tbefore 2026-11-26 12:00:00+00\n";

TEST(TimelineHistoryTest, SaysWhereAnAncestorEnded) {
  EXPECT_EQ(EndOfTimeline(kFile, 1), Lsn{0x3000148});
  EXPECT_EQ(EndOfTimeline(kFile, 2), Lsn{0x1000000A0});
}

TEST(TimelineHistoryTest, NothingOfAStranger) {
  EXPECT_EQ(EndOfTimeline(kFile, 3), std::nullopt);
  EXPECT_EQ(EndOfTimeline("", 1), std::nullopt);
  EXPECT_EQ(EndOfTimeline("1\tnowhere\tbroken", 1), std::nullopt);
  EXPECT_EQ(EndOfTimeline("1", 1), std::nullopt);
}

}  // namespace
}  // namespace relay
