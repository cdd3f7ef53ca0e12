#include "outbox-relay/history/sample_history.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

std::string At(SampleHistory& history, uint64_t lsn) {
  const std::string* snapshot = history.NewestAt(Lsn{lsn});
  return snapshot == nullptr ? "none" : *snapshot;
}

TEST(SampleHistoryTest, AnswersTheNewestSampleThatIsConfirmed) {
  SampleHistory history;
  EXPECT_EQ(At(history, 100), "none");
  history.Add("a", Lsn{100});
  history.Add("b", Lsn{200});
  history.Add("c", Lsn{300});
  EXPECT_EQ(At(history, 99), "none");
  EXPECT_EQ(At(history, 100), "a");
  EXPECT_EQ(At(history, 199), "a");
  EXPECT_EQ(At(history, 250), "b");
  EXPECT_EQ(history.size(), 2u);
  EXPECT_EQ(At(history, 9999), "c");
  EXPECT_EQ(At(history, 9999), "c");
}

TEST(SampleHistoryTest, ALaterSnapshotAtTheSamePlaceStandsForIt) {
  SampleHistory history;
  history.Add("a", Lsn{100});
  history.Add("b", Lsn{100});
  EXPECT_EQ(At(history, 100), "b");
  EXPECT_EQ(history.size(), 1u);
  history.Add("older", Lsn{50});
  EXPECT_EQ(At(history, 100), "b");
}

TEST(SampleHistoryTest, ANewPagesHeaderIsNothing) {
  SampleHistory history;
  history.Add("a", Lsn{2 * 8192 + 24});
  EXPECT_EQ(At(history, 2 * 8192), "a");
  history.Add("b", Lsn{9 * 8192 + 40});
  EXPECT_EQ(At(history, 9 * 8192), "b");
}

TEST(SampleHistoryTest, IsThinnedInTheMiddleAndStaysRight) {
  SampleHistory history;
  for (uint64_t i = 1; i <= 100'000; ++i) history.Add(std::to_string(i), Lsn{i * 8});
  EXPECT_LE(history.size(), 1'000u);
  // The first stays for as long as nothing is confirmed, and the newest are all there.
  EXPECT_EQ(At(history, 8), "1");
  EXPECT_EQ(At(history, 99'990 * 8), "99990");
  EXPECT_EQ(At(history, 100'000 * 8), "100000");
}

TEST(SampleHistoryTest, WhatAnEarlierRelayRecordedGoesBeforeOurOwn) {
  const auto early = std::make_shared<const TopicOffsets>(TopicOffsets{{"t", {{0, 5}}}});
  const auto own = std::make_shared<const TopicOffsets>(TopicOffsets{{"t", {{0, 9}}}});
  SampleHistory history;
  history.Add("as standby", Lsn{300});
  history.Add("own", Lsn{400}, own);
  history.Restore({{"early", Lsn{100}}, {"out of order", Lsn{90}}, {"later", Lsn{350}}}, early);
  EXPECT_EQ(At(history, 299), "early");
  ASSERT_NE(history.NewestSampleAt(Lsn{300}), nullptr);
  EXPECT_EQ(history.NewestSampleAt(Lsn{300})->snapshot, "as standby");
  EXPECT_EQ(history.NewestSampleAt(Lsn{300})->offsets, early);
  EXPECT_EQ(history.NewestSampleAt(Lsn{400})->offsets, own);
}

}  // namespace
}  // namespace relay
