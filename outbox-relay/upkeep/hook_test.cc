#include "outbox-relay/upkeep/hook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/telemetry/log.h"

namespace relay {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HookTest : public ::testing::Test {
 protected:
  HookTest() { telemetry::InitLogging({.stream = log_}); }
  ~HookTest() override {
    telemetry::InitLogging({});
    std::fclose(log_);
  }

  // `later`: by so much the hook's clock is ahead.
  static void UntilEnded(Hook& hook, std::chrono::seconds later = {}) {
    Until([&] {
      hook.Poll(Hook::Clock::now() + later);
      return !hook.running();
    });
  }
  static void Until(const std::function<bool()>& done) {
    const auto deadline = Hook::Clock::now() + std::chrono::seconds(30);
    while (!done()) {
      ASSERT_LT(Hook::Clock::now(), deadline);
      usleep(1'000);
    }
  }
  std::string Log() {
    std::fflush(log_);
    std::rewind(log_);
    std::string text(100'000, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), log_));
    return text;
  }

  std::FILE* const log_ = std::tmpfile();
};

TEST_F(HookTest, RunsWithTheFiguresAndLogsWhatItSays) {
  setenv("ORDER_SAGA_SOURCE", "secret-of-the-relay", 1);
  Hook hook("shop", "echo used $OUTBOX_WAL_USED; env; exit 3", std::chrono::seconds(60));
  hook.Run({{"OUTBOX_WAL_USED", "0.81"}});
  UntilEnded(hook);
  EXPECT_THAT(Log(), HasSubstr("used 0.81"));
  EXPECT_THAT(Log(), HasSubstr("exit_code=3"));
  EXPECT_THAT(Log(), Not(HasSubstr("secret-of-the-relay")));
}

TEST_F(HookTest, OneThatHangsIsKilledWithItsChildren) {
  const std::string begun = ::testing::TempDir() + absl::StrCat("hook_test_begun.", getpid());
  Hook hook("shop", "sleep 1000 & echo \"child $!.\"; echo > \"$BEGUN\"; sleep 1000",
            std::chrono::seconds(60));
  hook.Run({{"BEGUN", begun}});
  Until([&] { return access(begun.c_str(), F_OK) == 0; });
  unlink(begun.c_str());
  hook.Poll(Hook::Clock::now());
  EXPECT_TRUE(hook.running());
  UntilEnded(hook, std::chrono::seconds(61));
  const std::string log = Log();
  EXPECT_THAT(log, HasSubstr("took too long"));
  const size_t at = log.find("child ");
  ASSERT_NE(at, std::string::npos) << log;
  // Killed, and no more than a zombie of whoever inherits it.
  const std::string status = absl::StrCat("/proc/", std::stoi(log.substr(at + 6)), "/stat");
  const auto lives = [&] {
    std::ifstream file(status);
    std::string text((std::istreambuf_iterator<char>(file)), {});
    return !text.empty() && text.find(") Z ") == std::string::npos;
  };
  Until([&] { return !lives(); });
}

TEST_F(HookTest, OfThoseThatComeMeanwhileTheLatestFollows) {
  Hook hook("shop", "echo threshold $T", std::chrono::seconds(60));
  for (const char* threshold : {"50", "80", "95"}) hook.Run({{"T", threshold}});
  UntilEnded(hook);
  EXPECT_THAT(Log(), HasSubstr("threshold 50"));
  EXPECT_THAT(Log(), Not(HasSubstr("threshold 80")));
  EXPECT_THAT(Log(), HasSubstr("threshold 95"));
}

TEST_F(HookTest, WhatItWritesIsBounded) {
  Hook hook("shop", "head -c 10000000 /dev/zero | tr '\\0' x", std::chrono::seconds(60));
  hook.Run({});
  UntilEnded(hook);
  EXPECT_LT(Log().size(), 6'000u);
  EXPECT_THAT(Log(), HasSubstr("exit_code=0"));
}

TEST_F(HookTest, WithoutACommandNothingRuns) {
  Hook hook("shop", "", std::chrono::seconds(60));
  hook.Run({});
  EXPECT_FALSE(hook.running());
}

}  // namespace
}  // namespace relay
