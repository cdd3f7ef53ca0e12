#include "libs/service/runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <signal.h>
#include <unistd.h>

#include <vector>

#include "libs/service/loop.h"

namespace service {
namespace {

using ::testing::ElementsAre;
using ::testing::ExitedWithCode;
using ::testing::HasSubstr;

// Writes down what happens to it, and whether the program was ready then.
class Recorder : public Component {
 public:
  Recorder(std::string name, std::vector<std::string>& events, Runtime& runtime)
      : name_(std::move(name)), events_(events), runtime_(runtime) {}

  std::string_view name() const override { return name_; }
  absl::Status Start(OnFailure on_failure) override {
    Record("start");
    fail = std::move(on_failure);
    if (at_start) at_start();
    return start;
  }
  void BeginDrain() override { Record("begin"); }
  absl::Status AwaitDrained(Deadline) override {
    Record("await");
    if (at_await) at_await();
    return await;
  }
  std::string address() const override { return "here:1"; }

  absl::Status start, await;
  std::function<void()> at_start, at_await;
  OnFailure fail;

 private:
  void Record(const std::string& what) {
    const auto answer = httplib::Client("http://" + runtime_.http().address()).Get("/readyz");
    events_.push_back(name_ + " " + what + " " + std::to_string(answer ? answer->status : 0));
  }

  const std::string name_;
  std::vector<std::string>& events_;
  Runtime& runtime_;
};

class RuntimeTest : public ::testing::Test {
 protected:
  RuntimeTest() { ::testing::FLAGS_gtest_death_test_style = "threadsafe"; }

  static RuntimeConfig Config() { return {.http_address = "127.0.0.1:0"}; }

  Flags flags_{"test-service", "1.2.3", "For tests."};
  std::vector<std::string> events_;
};

TEST_F(RuntimeTest, StartsInOrderAndDrainsInReverse) {
  Runtime runtime(flags_, Config());
  Recorder calls("calls", events_, runtime), timers("timers", events_, runtime);
  timers.at_start = [] { kill(getpid(), SIGTERM); };
  EXPECT_EQ(runtime.Run(calls, timers), 0);
  EXPECT_THAT(events_, ElementsAre("calls start 503", "timers start 503", "timers begin 503",
                                   "calls begin 503", "timers await 503", "calls await 503"));
}

TEST_F(RuntimeTest, IsReadyBetweenStartAndDrain) {
  Runtime runtime(flags_, Config());
  int ready = 0, alive = 0;
  std::string metrics;
  Loop client("client", [&](std::stop_token) -> absl::Status {
    httplib::Client http("http://" + runtime.http().address());
    // The components start after one another, so that this one may look too early.
    while ((ready = http.Get("/readyz")->status) != 200) {
    }
    alive = http.Get("/healthz")->status;
    metrics = http.Get("/metrics")->body;
    kill(getpid(), SIGINT);
    while (http.Get("/readyz")->status == 200) {
    }
    return absl::OkStatus();
  });
  EXPECT_EQ(runtime.Run(client), 0);
  EXPECT_EQ(ready, 200);
  EXPECT_EQ(alive, 200);
  EXPECT_THAT(metrics, HasSubstr("order_saga_build_info{program=\"test-service\",version="));
  EXPECT_THAT(metrics, HasSubstr("process_peak_resident_memory_bytes"));
}

TEST_F(RuntimeTest, AComponentThatFailsBringsTheProgramDown) {
  Runtime runtime(flags_, Config());
  Recorder calls("calls", events_, runtime);
  Loop replies("replies", [](std::stop_token) { return absl::InternalError("fenced"); });
  EXPECT_EQ(runtime.Run(calls, replies), 1);
  EXPECT_THAT(events_, ElementsAre("calls start 503", "calls begin 503", "calls await 503"));
}

TEST_F(RuntimeTest, WhatCannotStartEndsWhatHasStarted) {
  Runtime runtime(flags_, Config());
  Recorder one("one", events_, runtime), other("other", events_, runtime),
      never("never", events_, runtime);
  other.start = absl::FailedPreconditionError("port 1 is taken");
  EXPECT_EQ(runtime.Run(one, other, never), 1);
  EXPECT_THAT(events_,
              ElementsAre("one start 503", "other start 503", "one begin 503", "one await 503"));
}

TEST_F(RuntimeTest, ATakenHttpPortIsAFailure) {
  Runtime first(flags_, Config());
  ASSERT_TRUE(first.http().Start("127.0.0.1:0").ok());
  Runtime second(flags_, {.http_address = first.http().address()});
  EXPECT_EQ(second.Run(std::span<Component* const>()), 1);
}

TEST_F(RuntimeTest, ADrainThatTakesTooLongEndsHard) {
  EXPECT_EXIT(
      {
        Runtime runtime(flags_, Config());
        Recorder calls("calls", events_, runtime);
        calls.at_start = [] { kill(getpid(), SIGTERM); };
        calls.await = absl::DeadlineExceededError("calls are still running");
        runtime.Run(calls);
        std::_Exit(0);  // not reached: Run has ended the process
      },
      ExitedWithCode(1), "not drained in time.*calls are still running");
}

// As timeout(1) sends them: to the process, and to its group.
TEST_F(RuntimeTest, TwoSignalsAtOnceAreOne) {
  Runtime runtime(flags_, Config());
  Recorder calls("calls", events_, runtime);
  calls.at_start = [] {
    kill(getpid(), SIGTERM);
    kill(getpid(), SIGINT);  // another one: two of the same are one signal to the kernel
  };
  EXPECT_EQ(runtime.Run(calls), 0);
  EXPECT_THAT(events_, ElementsAre("calls start 503", "calls begin 503", "calls await 503"));
}

TEST_F(RuntimeTest, ASecondSignalEndsAtOnce) {
  EXPECT_EXIT(
      {
        Runtime runtime(flags_, Config());
        Recorder calls("calls", events_, runtime);
        calls.at_start = [] { kill(getpid(), SIGTERM); };
        calls.at_await = [] {
          for (;;) {
            kill(getpid(), SIGTERM);
            usleep(10'000);
          }
        };
        runtime.Run(calls);
      },
      ExitedWithCode(1), "second signal");
}

}  // namespace
}  // namespace service
