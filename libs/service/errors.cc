#include "libs/service/errors.h"

#include <google/protobuf/message.h>
#include <google/rpc/error_details.pb.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/cord.h"
#include "libs/service/error_details.h"
#include "libs/telemetry/check.h"

namespace service {
namespace {

constexpr std::size_t kMaxViolations = 50;
// gRPC sends message and details as headers, and a client takes 8 KiB of them all: the message up
// to three times as long (percent-encoded), and once more inside the details, which become a third
// longer (base64). This leaves a quarter for the metadata of others.
constexpr std::size_t kMaxMessage = 800;
constexpr std::size_t kMaxMetadata = 600;
constexpr std::size_t kMaxFieldViolations = 1200;

// At most `size` bytes of the text, and no half character.
std::string Cut(std::string_view text, std::size_t size) {
  if (text.size() <= size) return std::string(text);
  constexpr std::string_view kMore = "…";
  std::size_t end = size - kMore.size();
  while (end > 0 && (text[end] & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + std::string(kMore);
}

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
  std::size_t left = kMaxMetadata;
  for (const auto& [key, value] : metadata) {
    if (key.size() + 4 > left) break;
    const std::string cut = Cut(value, left - key.size());
    left -= key.size() + cut.size();
    (*info.mutable_metadata())[key] = cut;
  }
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
  absl::Status status(code, Cut(message, kMaxMessage));
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

absl::Status DatabaseUnavailable() {
  return TemporarilyUnavailable("DATABASE_UNAVAILABLE",
                                "the database is away; try again with the same request_id",
                                std::chrono::seconds(1));
}

absl::Status DatabaseBusy() {
  return Overloaded("DATABASE_BUSY",
                    "all database connections are busy; try again with the same request_id",
                    std::chrono::milliseconds(500));
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
  std::size_t size = 0, in_message = 0;
  for (const auto& [field, description] : violations_) {
    const std::size_t count = static_cast<std::size_t>(bad.field_violations_size());
    size += field.size() + description.size();
    if (count == kMaxViolations || (count > 0 && size > kMaxFieldViolations)) break;
    auto* violation = bad.add_field_violations();
    violation->set_field(Cut(field, kMaxFieldViolations / 2));
    violation->set_description(Cut(description, kMaxFieldViolations / 2));
    if (in_message < count || message.size() > kMaxMessage / 2) continue;
    message += (count == 0 ? " " : "; ") + violation->field() + " " + violation->description();
    ++in_message;
  }
  if (in_message < violations_.size()) {
    constexpr std::size_t kRoom = 40;
    message = Cut(message, kMaxMessage - kRoom);
    message += "; and " + std::to_string(violations_.size() - in_message) + " more";
  }
  absl::Status status = Error(absl::StatusCode::kInvalidArgument, "INVALID_REQUEST", message);
  SetDetail(status, bad);
  return status;
}

}  // namespace service
