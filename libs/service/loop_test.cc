#include "libs/service/loop.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>

namespace service {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

void WaitFor(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait(lock, stop, [] { return false; });
}

TEST(LoopTest, RunsUntilTheDrainAndFinishesWhatItHas) {
  bool finished = false, failed = false;
  Loop loop("replies", [&](std::stop_token stop) {
    WaitFor(stop);
    finished = true;
    return absl::UnavailableError("does not matter any more");
  });
  EXPECT_EQ(loop.name(), "replies");
  ASSERT_TRUE(loop.Start([&](absl::Status) { failed = true; }).ok());
  loop.BeginDrain();
  EXPECT_EQ(loop.AwaitDrained(steady_clock::now() + seconds(30)), absl::OkStatus());
  EXPECT_TRUE(finished);
  EXPECT_FALSE(failed);
}

TEST(LoopTest, EndingByItselfIsAFailure) {
  for (const absl::Status& end : {absl::InternalError("fenced"), absl::OkStatus()}) {
    std::promise<absl::Status> failure;
    Loop loop("replies", [&](std::stop_token) { return end; });
    ASSERT_TRUE(loop.Start([&](absl::Status why) { failure.set_value(why); }).ok());
    const absl::Status why = failure.get_future().get();
    EXPECT_EQ(why.message(), end.ok() ? "ended by itself" : "fenced");
  }
}

TEST(LoopTest, AFunctionThatDoesNotEndIsReported) {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  Loop loop("stuck", [released](std::stop_token) {
    released.wait();
    return absl::OkStatus();
  });
  ASSERT_TRUE(loop.Start([](absl::Status) {}).ok());
  loop.BeginDrain();
  EXPECT_EQ(loop.AwaitDrained(steady_clock::now()).code(), absl::StatusCode::kDeadlineExceeded);
  release.set_value();
  EXPECT_EQ(loop.AwaitDrained(steady_clock::now() + seconds(30)), absl::OkStatus());
}

TEST(LoopTest, NeverStartedIsDrained) {
  Loop loop("idle", [](std::stop_token) { return absl::OkStatus(); });
  loop.BeginDrain();
  EXPECT_EQ(loop.AwaitDrained(steady_clock::now()), absl::OkStatus());
}

}  // namespace
}  // namespace service
