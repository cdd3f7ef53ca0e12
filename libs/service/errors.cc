#include "libs/service/errors.h"

#include <google/protobuf/message.h>
#include <google/rpc/error_details.pb.h>

#include <algorithm>

#include "absl/strings/cord.h"
#include "libs/service/error_details.h"
#include "libs/telemetry/check.h"

namespace service {
namespace {

constexpr std::size_t kMaxViolations = 50;

bool IsReason(std::string_view reason) {
  return !reason.empty() && reason.size() <= 63 &&
         std::all_of(reason.begin(), reason.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
         });
}

absl::Status WithRetry(absl::Status status, std::chrono::milliseconds after) {
  SetDetail(status, MakeRetryInfo(after));
  return status;
}

}  // namespace

std::string TypeUrl(const google::protobuf::Descriptor& type) {
  return "type.googleapis.com/" + type.full_name();
}

void SetDetail(absl::Status& status, const google::protobuf::Message& detail) {
  status.SetPayload(TypeUrl(*detail.GetDescriptor()), absl::Cord(detail.SerializeAsString()));
}

google::rpc::ErrorInfo MakeErrorInfo(std::string_view reason, const ErrorMetadata& metadata) {
  ORDER_SAGA_CHECK(IsReason(reason), "a reason is UPPER_SNAKE_CASE, at most 63 characters");
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(std::string(kErrorDomain));
  for (const auto& [key, value] : metadata) (*info.mutable_metadata())[key] = value;
  return info;
}

google::rpc::RetryInfo MakeRetryInfo(std::chrono::milliseconds after) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(after.count() / 1000);
  retry.mutable_retry_delay()->set_nanos(static_cast<int>(after.count() % 1000) * 1'000'000);
  return retry;
}

absl::Status Error(absl::StatusCode code, std::string_view reason, std::string_view message,
                   const ErrorMetadata& metadata) {
  ORDER_SAGA_CHECK(code != absl::StatusCode::kOk, "an error has an error's code");
  absl::Status status(code, std::string(message));
  SetDetail(status, MakeErrorInfo(reason, metadata));
  return status;
}

absl::Status Overloaded(std::string_view reason, std::string_view message,
                        std::chrono::milliseconds retry_after) {
  return WithRetry(Error(absl::StatusCode::kResourceExhausted, reason, message), retry_after);
}

absl::Status TemporarilyUnavailable(std::string_view reason, std::string_view message,
                                    std::chrono::milliseconds retry_after) {
  return WithRetry(Error(absl::StatusCode::kUnavailable, reason, message), retry_after);
}

std::string ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(TypeUrl(*google::rpc::ErrorInfo::descriptor()));
  google::rpc::ErrorInfo info;
  if (!payload.has_value() || !info.ParseFromString(std::string(*payload))) return "";
  return info.reason();
}

void Violations::Add(std::string field, std::string description) {
  violations_.emplace_back(std::move(field), std::move(description));
}

void Violations::Require(bool condition, std::string_view field, std::string_view description) {
  if (!condition) Add(std::string(field), std::string(description));
}

absl::Status Violations::ToStatus() const {
  if (violations_.empty()) return absl::OkStatus();
  google::rpc::BadRequest bad;
  std::string message = "the request is not valid:";
  const std::size_t count = std::min(violations_.size(), kMaxViolations);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [field, description] = violations_[i];
    auto* violation = bad.add_field_violations();
    violation->set_field(field);
    violation->set_description(description);
    message += (i == 0 ? " " : "; ") + field + " " + description;
  }
  if (count < violations_.size()) {
    message += "; and " + std::to_string(violations_.size() - count) + " more";
  }
  absl::Status status = Error(absl::StatusCode::kInvalidArgument, "INVALID_REQUEST", message);
  SetDetail(status, bad);
  return status;
}

}  // namespace service
