#include "outbox-relay/source/read_pacer.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// The pause that a pacer takes after a second at that rate, read each millisecond.
ReadPacer::Time::duration PauseAt(int events_per_second, milliseconds age = milliseconds(1)) {
  ReadPacer::Time now{std::chrono::hours(1)};
  ReadPacer pacer(now);
  for (int i = 0; i < 1'000; ++i) {
    now += milliseconds(1);
    pacer.OnRead(now);
    pacer.OnBurst(static_cast<uint64_t>(events_per_second / 1'000), age, now);
  }
  return pacer.NextRead() - now;
}

TEST(ReadPacerTest, AQuietStreamIsReadAtOnce) {
  EXPECT_EQ(PauseAt(0), milliseconds(0));
  EXPECT_EQ(PauseAt(1'000), milliseconds(0));
  EXPECT_EQ(PauseAt(4'000), milliseconds(0));
}

TEST(ReadPacerTest, ABusyOneInBurstsThatGrowWithItsRate) {
  EXPECT_EQ(PauseAt(10'000), milliseconds(1));
  EXPECT_EQ(PauseAt(30'000), milliseconds(3));
  EXPECT_EQ(PauseAt(50'000), milliseconds(5));
  EXPECT_EQ(PauseAt(1'000'000), milliseconds(5));
}

TEST(ReadPacerTest, ABacklogIsDrainedInLongerBursts) {
  EXPECT_EQ(PauseAt(10'000, milliseconds(1'000)), milliseconds(10));
  // A clock that goes wrong does not slow a quiet stream.
  EXPECT_EQ(PauseAt(1'000, milliseconds(1'000)), milliseconds(0));
}

TEST(ReadPacerTest, IsAtOnceAgainWhenItHasBecomeQuiet) {
  ReadPacer::Time now{std::chrono::hours(1)};
  ReadPacer pacer(now);
  pacer.OnBurst(10'000, microseconds(1), now += milliseconds(20));
  pacer.OnRead(now);
  EXPECT_EQ(pacer.NextRead() - now, milliseconds(5));
  pacer.OnBurst(1, microseconds(1), now += milliseconds(20));
  pacer.OnRead(now);
  EXPECT_EQ(pacer.NextRead(), now);
}

TEST(ReadPacerTest, TheTimeThatReadingTookCounts) {
  ReadPacer::Time now{std::chrono::hours(1)};
  ReadPacer pacer(now);
  pacer.OnBurst(10'000, microseconds(1), now + milliseconds(20));
  pacer.OnRead(now + milliseconds(20));
  EXPECT_LT(pacer.NextRead(), now + milliseconds(26));
}

}  // namespace
}  // namespace relay
