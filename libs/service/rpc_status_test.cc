#include "libs/service/rpc_status.h"

#include <gmock/gmock.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include "libs/service/errors.h"

namespace service {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RpcStatusTest, WhatIsMeantForTheCallerArrivesWhole) {
  Violations violations;
  violations.Add("user_id", "must be 1 or more");
  const grpc::Status sent = ToGrpc(violations.ToStatus());
  EXPECT_EQ(sent.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(sent.error_message(), HasSubstr("user_id must be 1 or more"));
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(sent.error_details()));
  EXPECT_EQ(details.code(), 3);
  EXPECT_EQ(details.details_size(), 2);

  const absl::Status received = FromGrpc(sent);
  EXPECT_EQ(received, violations.ToStatus());
}

TEST(RpcStatusTest, OkStaysOk) {
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_EQ(FromGrpc(grpc::Status::OK), absl::OkStatus());
}

TEST(RpcStatusTest, WhatIsOursIsHiddenBehindAnId) {
  for (const absl::StatusCode code :
       {absl::StatusCode::kInternal, absl::StatusCode::kUnknown, absl::StatusCode::kDataLoss,
        absl::StatusCode::kUnavailable, absl::StatusCode::kAborted,
        absl::StatusCode::kResourceExhausted}) {
    const grpc::Status sent = ToGrpc(absl::Status(code, "SELECT s3cret FROM host db-7"));
    EXPECT_EQ(static_cast<int>(sent.error_code()), static_cast<int>(code));
    EXPECT_THAT(sent.error_message() + sent.error_details(), Not(HasSubstr("s3cret")));
    EXPECT_THAT(sent.error_message(), HasSubstr("error_id"));
    const absl::Status received = FromGrpc(sent);
    EXPECT_EQ(ReasonOf(received), absl::StatusCodeToString(code));
    const bool retry = received.GetPayload("type.googleapis.com/google.rpc.RetryInfo").has_value();
    EXPECT_EQ(retry, code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kAborted ||
                         code == absl::StatusCode::kResourceExhausted);
  }
}

// As sql_error.h makes them: the codes are Postgres's opinion, and the texts tell SQL and values.
TEST(RpcStatusTest, DatabaseErrorsBlameNobodyAndTellNothing) {
  const std::pair<absl::StatusCode, absl::StatusCode> codes[] = {
      {absl::StatusCode::kInvalidArgument, absl::StatusCode::kInternal},     // 22…
      {absl::StatusCode::kFailedPrecondition, absl::StatusCode::kInternal},  // 23…
      {absl::StatusCode::kAlreadyExists, absl::StatusCode::kInternal},       // 23505
      {absl::StatusCode::kPermissionDenied, absl::StatusCode::kInternal},    // 42501
      {absl::StatusCode::kInternal, absl::StatusCode::kInternal},
      {absl::StatusCode::kDeadlineExceeded, absl::StatusCode::kUnavailable},  // statement_timeout
      {absl::StatusCode::kUnavailable, absl::StatusCode::kUnavailable},
      {absl::StatusCode::kAborted, absl::StatusCode::kAborted},
      {absl::StatusCode::kResourceExhausted, absl::StatusCode::kResourceExhausted}};
  for (const auto& [code, shown] : codes) {
    absl::Status status(code, "INSERT INTO s3cret: duplicate key (23505): (5) exists");
    status.SetPayload("order-saga/sqlstate", absl::Cord("23505"));
    const grpc::Status sent = ToGrpc(status);
    EXPECT_EQ(static_cast<int>(sent.error_code()), static_cast<int>(shown));
    EXPECT_THAT(sent.error_message() + sent.error_details(), Not(HasSubstr("s3cret")));
    EXPECT_THAT(sent.error_message() + sent.error_details(), Not(HasSubstr("23505")));
    EXPECT_THAT(sent.error_message(), HasSubstr("error_id"));
  }
}

TEST(RpcStatusTest, WhatIsAboutTheRequestKeepsItsText) {
  const grpc::Status sent = ToGrpc(absl::NotFoundError("there is no order o-1"));
  EXPECT_EQ(sent.error_message(), "there is no order o-1");
  EXPECT_EQ(ReasonOf(FromGrpc(sent)), "NOT_FOUND");
}

TEST(RpcStatusTest, DetailsThatNoClientWouldTakeAreLeftOut) {
  absl::Status status = Error(absl::StatusCode::kNotFound, "X", "x");
  status.SetPayload("type.googleapis.com/google.rpc.DebugInfo", absl::Cord(std::string(9000, 'd')));
  EXPECT_EQ(ToGrpc(status).error_details(), "");
}

}  // namespace
}  // namespace service
