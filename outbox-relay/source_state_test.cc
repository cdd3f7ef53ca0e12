#include "outbox-relay/source_state.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

using std::chrono::seconds;

TEST(SourceStateTest, IsReadyWhileItStreamsAndPostgresAnswers) {
  const std::chrono::steady_clock::time_point now(seconds(1'000));
  SourceState state;
  EXPECT_FALSE(state.Readiness(now, seconds(30)).ok()) << "not connected yet";
  state.SetHealth(absl::OkStatus());
  EXPECT_EQ(state.Readiness(now, seconds(30)), absl::OkStatus()) << "nobody has asked yet";
  state.SetLogEnd(Lsn{1}, now);
  EXPECT_EQ(state.Readiness(now + seconds(30), seconds(30)), absl::OkStatus());
  EXPECT_EQ(state.Readiness(now + seconds(31), seconds(30)),
            absl::UnavailableError("Postgres has not answered for 30 s"));
  state.SetHealth(absl::UnavailableError("no route"));
  EXPECT_EQ(state.Readiness(now + seconds(31), seconds(30)), absl::UnavailableError("no route"));
}

}  // namespace
}  // namespace relay
