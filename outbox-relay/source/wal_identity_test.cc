#include "outbox-relay/source/wal_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relay {
namespace {

using ::testing::HasSubstr;

const WalIdentity kBefore{.system_id = "7", .timeline = 1, .flushed = Lsn{100}};

std::string Refusal(const WalIdentity& now, Lsn remembered) {
  const absl::Status status = CheckSameHistory(kBefore, now, remembered);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Choices: "));
  return std::string(status.message());
}

TEST(HistoryTest, TheSameServerFurtherOnIsFine) {
  EXPECT_TRUE(CheckSameHistory(kBefore, kBefore, Lsn{100}).ok());
  EXPECT_TRUE(CheckSameHistory(kBefore, {"7", 1, Lsn{500}}, Lsn{499}).ok());
  EXPECT_TRUE(CheckSameHistory(kBefore, {"7", 1, Lsn{5}}, Lsn{}).ok());
}

TEST(HistoryTest, AnyOtherHistoryIsRefusedWithTheChoices) {
  EXPECT_THAT(Refusal({"8", 1, Lsn{500}}, Lsn{100}), HasSubstr("system identifier 8, not 7"));
  EXPECT_THAT(Refusal({"7", 2, Lsn{500}}, Lsn{100}), HasSubstr("timeline 2, before on 1"));
  EXPECT_THAT(Refusal({"7", 1, Lsn{99}}, Lsn{100}), HasSubstr("has lost writes"));
}

}  // namespace
}  // namespace relay
