#include "libs/service/errors.h"

#include <gmock/gmock.h>
#include <google/rpc/error_details.pb.h>
#include <gtest/gtest.h>

namespace service {
namespace {

using ::testing::HasSubstr;

template <typename Detail>
Detail DetailOf(const absl::Status& status) {
  Detail detail;
  const auto payload =
      status.GetPayload("type.googleapis.com/" + Detail::descriptor()->full_name());
  EXPECT_TRUE(payload.has_value()) << Detail::descriptor()->full_name();
  if (payload.has_value()) {
    EXPECT_TRUE(detail.ParseFromString(std::string(*payload)));
  }
  return detail;
}

TEST(ErrorsTest, AnErrorCarriesReasonDomainAndMetadata) {
  const absl::Status status = Error(absl::StatusCode::kNotFound, "ORDER_NOT_FOUND",
                                    "there is no order o-1", {{"order_id", "o-1"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(status), "ORDER_NOT_FOUND");
  const auto info = DetailOf<google::rpc::ErrorInfo>(status);
  EXPECT_EQ(info.domain(), "order-saga");
  EXPECT_EQ(info.metadata().at("order_id"), "o-1");
  EXPECT_EQ(ReasonOf(absl::NotFoundError("plain")), "");
}

TEST(ErrorsTest, OverloadSaysWhenToComeBack) {
  const absl::Status status =
      Overloaded("TOO_MANY_CALLS", "too many calls wait", std::chrono::milliseconds(1250));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  const auto retry = DetailOf<google::rpc::RetryInfo>(status);
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 250'000'000);
  EXPECT_EQ(ReasonOf(TemporarilyUnavailable("DATABASE_AWAY", "later", std::chrono::seconds(1))),
            "DATABASE_AWAY");
}

TEST(ErrorsDeathTest, AReasonHasItsForm) {
  for (const char* bad : {"", "lower", "WITH SPACE"}) {
    EXPECT_DEATH(Error(absl::StatusCode::kInternal, bad, "x").IgnoreError(), "UPPER_SNAKE_CASE");
  }
  EXPECT_DEATH(Error(absl::StatusCode::kInternal, std::string(64, 'A'), "x").IgnoreError(), "63");
}

TEST(ViolationsTest, EachFieldIsNamed) {
  Violations violations;
  EXPECT_TRUE(violations.empty());
  EXPECT_EQ(violations.ToStatus(), absl::OkStatus());
  violations.Require(true, "user_id", "must be 1 or more");
  violations.Require(false, "order_products[0].amount", "must be 1 to 1,000,000");
  violations.Add("request_id", "must be a UUID");
  EXPECT_FALSE(violations.empty());
  const absl::Status status = violations.ToStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "INVALID_REQUEST");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("order_products[0].amount must be 1 to 1,000,000; request_id must be"));
  const auto bad = DetailOf<google::rpc::BadRequest>(status);
  ASSERT_EQ(bad.field_violations_size(), 2);
  EXPECT_EQ(bad.field_violations(0).field(), "order_products[0].amount");
  EXPECT_EQ(bad.field_violations(1).description(), "must be a UUID");
}

TEST(ViolationsTest, ThousandsAreCounted) {
  Violations violations;
  for (int i = 0; i < 1000; ++i) violations.Add("f[" + std::to_string(i) + "]", "is wrong");
  const absl::Status status = violations.ToStatus();
  EXPECT_EQ(DetailOf<google::rpc::BadRequest>(status).field_violations_size(), 50);
  EXPECT_THAT(std::string(status.message()), HasSubstr("f[0] is wrong; f[1] is wrong;"));
  EXPECT_THAT(std::string(status.message()), testing::MatchesRegex(".*; and 9[0-9][0-9] more"));
}

TEST(ErrorsTest, WhatNoClientWouldTakeIsCutBetweenCharacters) {
  std::string long_text;
  for (int i = 0; i < 1000; ++i) long_text += "가";
  const absl::Status status =
      Error(absl::StatusCode::kNotFound, "TYPE_NOT_FOUND", long_text, {{"type", long_text}});
  EXPECT_LE(status.message().size(), 800u);
  EXPECT_THAT(std::string(status.message()), testing::EndsWith("가…"));
  const std::string type = DetailOf<google::rpc::ErrorInfo>(status).metadata().at("type");
  EXPECT_LE(type.size(), 600u);
  EXPECT_THAT(type, testing::EndsWith("가…"));
}

}  // namespace
}  // namespace service
