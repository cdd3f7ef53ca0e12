#include "outbox-relay/upkeep/hook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
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

  static void UntilEnded(Hook& hook) {
    while (hook.running()) {
      hook.Poll();
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
  Hook hook("shop", "sleep 1000 & echo \"child $!.\"; sleep 1000", std::chrono::milliseconds(500));
  hook.Run({});
  UntilEnded(hook);
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
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (lives() && std::chrono::steady_clock::now() < deadline) usleep(10'000);
  EXPECT_FALSE(lives());
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
