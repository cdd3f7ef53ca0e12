#include "libs/orchestrator/saga_json.h"

#include <gtest/gtest.h>

namespace orchestrator {
namespace {

TEST(SagaJsonTest, CommandsGoThereAndBack) {
  const std::vector<saga::SentCommand> commands{
      {.name = "ConfirmStock", .command_id = "c1", .attempt = 2, .answer = saga::Answer::kApproved},
      {.name = "CaptureCredit", .direction = saga::Direction::kCompensation, .command_id = "c2"}};
  std::vector<saga::SentCommand> back;
  ASSERT_TRUE(FromJson(ToJson(commands), back).ok());
  EXPECT_EQ(back, commands);
  ASSERT_TRUE(FromJson(ToJson(std::vector<saga::SentCommand>()), back).ok());
  EXPECT_TRUE(back.empty());
}

TEST(SagaJsonTest, RefusalsGoThereAndBack) {
  const saga::Refusal refusal{"product-stock", "ReserveStock", "OUT_OF_STOCK", "주문 \"x\"\n"};
  saga::Refusal back;
  ASSERT_TRUE(FromJson(*ToJson(std::optional<saga::Refusal>(refusal)), back).ok());
  EXPECT_EQ(back, refusal);
  EXPECT_FALSE(ToJson(std::optional<saga::Refusal>()).has_value());
}

TEST(SagaJsonTest, OtherTextIsDataLoss) {
  std::vector<saga::SentCommand> commands;
  for (const char* text : {"", "{", "{}", "[1]", R"([{"name":1}])", "null"}) {
    EXPECT_TRUE(absl::IsDataLoss(FromJson(text, commands))) << text;
  }
  saga::Refusal refusal;
  for (const char* text : {"", "[]", "{}", R"({"step":"a","command":"b","outcome":"c"})"}) {
    EXPECT_TRUE(absl::IsDataLoss(FromJson(text, refusal))) << text;
  }
}

}  // namespace
}  // namespace orchestrator
