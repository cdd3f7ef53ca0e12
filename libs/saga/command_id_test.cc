#include "libs/saga/command_id.h"

#include <gtest/gtest.h>

namespace saga {
namespace {

constexpr char kTxId[] = "0190b5a8-7c3e-7d4f-8a1b-2c3d4e5f6071";

// Expected values by another implementation: Python's uuid.uuid5.
TEST(CommandIdTest, IsTheUuidV5) {
  EXPECT_EQ(CommandId(kTxId, "product-stock", "ReserveStock", Direction::kAction),
            "e941eb67-5083-5c7f-a96e-9d8a18a9b0f7");
  EXPECT_EQ(CommandId(kTxId, "product-stock", "ReleaseStock", Direction::kCompensation),
            "2943c7e8-0a2d-5e52-982c-b7e4529ba17e");
  EXPECT_EQ(CommandId(kTxId, "kitchen-status", "CancelTicket", Direction::kCompensation),
            "ab7b118c-53dc-56b6-b5ac-e8bc83792cdb");
}

TEST(CommandIdTest, CaseOfTheTxIdDoesNotMatter) {
  EXPECT_EQ(CommandId("0190B5A8-7C3E-7D4F-8A1B-2C3D4E5F6071", "a", "B", Direction::kAction),
            CommandId(kTxId, "a", "B", Direction::kAction));
}

TEST(CommandIdDeathTest, TxIdThatIsNoUuidIsAProgrammingError) {
  EXPECT_DEATH(CommandId("seventeen", "a", "B", Direction::kAction), "must be a UUID");
  EXPECT_DEATH(CommandId("0190b5a8x7c3e-7d4f-8a1b-2c3d4e5f6071", "a", "B", Direction::kAction),
               "must be a UUID");
}

}  // namespace
}  // namespace saga
