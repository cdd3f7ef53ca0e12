#include "libs/telemetry/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "libs/telemetry/check.h"
#include "libs/telemetry/utf8.h"

namespace telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class LogTest : public ::testing::Test {
 protected:
  LogTest() : stream_(open_memstream(&text_, &size_)) {}
  ~LogTest() override {
    InitLogging({});
    std::fclose(stream_);
    std::free(text_);
  }

  void Use(Format format, Level level = Level::kInfo) {
    InitLogging({.level = level, .format = format, .program = "test-service", .stream = stream_});
  }
  std::string Written() {
    std::fflush(stream_);
    return std::string(text_, size_);
  }

 private:
  char* text_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* stream_;
};

TEST_F(LogTest, JsonLineHasTimeLevelMessageProgramAndFlatFields) {
  Use(Format::kJson);
  Info("order created", {{"order_id", std::string("o-1")},
                         {"lines", 3},
                         {"bytes", 18446744073709551615u},
                         {"took_s", 0.25},
                         {"replayed", false}});
  const std::string digits = "[0-9]+";
  EXPECT_THAT(
      Written(),
      MatchesRegex("\\{\"ts\":\"" + digits + "-" + digits + "-" + digits + "T" + digits + ":" +
                   digits + ":" + digits + "\\." + digits +
                   "Z\",\"level\":\"info\",\"msg\":\"order created\","
                   "\"program\":\"test-service\",\"order_id\":\"o-1\",\"lines\":3,"
                   "\"bytes\":18446744073709551615,\"took_s\":0.25,\"replayed\":false\\}\n"));
}

TEST_F(LogTest, TextLineQuotesOnlyWhatNeedsIt) {
  Use(Format::kText);
  Warn("waiting", {{"for", "postgres"}, {"error", "no \"route\" to host"}, {"empty", ""}});
  EXPECT_THAT(Written(), HasSubstr("WARN  test-service: waiting for=postgres "
                                   "error=\"no \\\"route\\\" to host\" empty=\"\"\n"));
}

TEST_F(LogTest, LinesBelowTheLevelAreNotWritten) {
  Use(Format::kText, Level::kWarn);
  Debug("one");
  Info("two");
  EXPECT_FALSE(LogEnabled(Level::kInfo));
  Warn("three");
  EXPECT_THAT(Written(), Not(HasSubstr("two")));
  EXPECT_THAT(Written(), HasSubstr("three"));
}

TEST_F(LogTest, BadUtf8AndControlCharactersStayOnOneLine) {
  Use(Format::kJson);
  Info("a\nb\"c\\", {{"key", std::string_view("x\xFF\0y\xC3\xA9", 6)}});
  EXPECT_THAT(Written(), HasSubstr(R"("msg":"a\nb\"c\\")"));
  EXPECT_THAT(Written(), HasSubstr("\"key\":\"x\xEF\xBF\xBD\\u0000y\xC3\xA9\""));
}

TEST_F(LogTest, NumbersThatJsonDoesNotKnowAreNull) {
  Use(Format::kJson);
  Info("numbers", {{"nan", std::numeric_limits<double>::quiet_NaN()},
                   {"inf", -std::numeric_limits<double>::infinity()}});
  EXPECT_THAT(Written(), HasSubstr("\"nan\":null,\"inf\":null"));
}

TEST_F(LogTest, LinesOfSeveralThreadsDoNotMix) {
  Use(Format::kText);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 200; ++i) Info("aaaaaaaaaaaaaaaaaaaaaaaa", {{"end", "zz"}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::istringstream lines(Written());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_THAT(line, HasSubstr("INFO  test-service: aaaaaaaaaaaaaaaaaaaaaaaa end=zz"));
    EXPECT_EQ(line.size(),
              std::string("2026-01-01T00:00:00.000Z INFO  test-service: ").size() + 31);
  }
  EXPECT_EQ(count, 800);
}

TEST(LevelTest, NamesAreReadAndOthersRefused) {
  EXPECT_EQ(ParseLevel("warn"), Level::kWarn);
  EXPECT_EQ(ParseLevel("off"), Level::kOff);
  EXPECT_EQ(ParseLevel("WARN"), std::nullopt);
  EXPECT_EQ(ParseFormat("json"), Format::kJson);
  EXPECT_EQ(ParseFormat("xml"), std::nullopt);
}

TEST(Utf8Test, OverlongSurrogateAndTooLargeAreRefused) {
  EXPECT_EQ(Utf8CharacterLength("a"), 1u);
  EXPECT_EQ(Utf8CharacterLength("\xC3\xA9"), 2u);
  EXPECT_EQ(Utf8CharacterLength("\xE2\x82\xAC"), 3u);
  EXPECT_EQ(Utf8CharacterLength("\xF0\x9F\x8D\x95"), 4u);
  for (const char* bad : {"\xC3", "\x80", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF0\x80\x80\xAF", "\xC3("}) {
    EXPECT_EQ(Utf8CharacterLength(bad), 0u) << std::hex << int{bad[0]};
  }
}

TEST(CheckDeathTest, SaysWhatAndWhere) {
  EXPECT_DEATH(ORDER_SAGA_CHECK(1 + 1 == 3, "arithmetic"),
               "check failed: 1 \\+ 1 == 3: arithmetic.*log_test.cc");
  ORDER_SAGA_CHECK(true, "never seen");
}

}  // namespace
}  // namespace telemetry
