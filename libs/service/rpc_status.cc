#include "libs/service/rpc_status.h"

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/support/status.h>
#include <sys/random.h>

#include <cstdint>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/service/error_details.h"
#include "libs/service/errors.h"
#include "libs/service/trace.h"
#include "libs/telemetry/log.h"

namespace service {
namespace {

constexpr std::chrono::milliseconds kRetryAfter(1000);
// errors.h makes none that are larger; in base64 and with the message they fit the 8 KiB that a
// client takes.
constexpr std::size_t kMaxDetailsBytes = 3500;

// The request is to blame, so the message is about the request and may be read by its sender.
bool BlamesTheRequest(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return true;
    default:
      return false;
  }
}

bool MayBeRetried(absl::StatusCode code) {
  return code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kAborted ||
         code == absl::StatusCode::kResourceExhausted;
}

std::string NewErrorId() {
  std::uint64_t random = 0;
  // Only has to be hard to confuse, so that a failure may give zero.
  if (getrandom(&random, sizeof random, 0) < 0) random = 0;
  return absl::StrCat(absl::Hex(random, absl::kZeroPad16));
}

bool IsDetail(absl::string_view type_url) {
  return absl::StartsWith(type_url, "type.googleapis.com/");
}

// Details are for callers; what else a status carries is ours, as the SQLSTATE of sql_error.h is.
bool HasMarkOfOurs(const absl::Status& status) {
  bool has = false;
  status.ForEachPayload(
      [&](absl::string_view type_url, const absl::Cord&) { has = has || !IsDetail(type_url); });
  return has;
}

// The code of what went wrong in here, as the caller shall see it: nothing is wrong with the
// request, and a statement that took too long is no deadline of the caller's.
absl::StatusCode OursAs(absl::StatusCode code) {
  if (MayBeRetried(code)) return code;
  return code == absl::StatusCode::kDeadlineExceeded ? absl::StatusCode::kUnavailable
                                                     : absl::StatusCode::kInternal;
}

// A status that nobody meant for a caller: its code's name as the reason, and its text hidden
// behind an id unless it is about the request.
absl::Status Presentable(const absl::Status& status, std::string_view trace_id) {
  const bool ours = HasMarkOfOurs(status);
  const absl::StatusCode code = ours ? OursAs(status.code()) : status.code();
  const std::string reason = absl::StatusCodeToString(code);
  if (BlamesTheRequest(code)) return Error(code, reason, std::string(status.message()));

  const std::string id = NewErrorId();
  telemetry::Error("call failed", {{"error_id", id},
                                   {"trace_id", trace_id},
                                   {"code", reason},
                                   {"error", std::string(status.message())}});
  const bool retry = MayBeRetried(code);
  absl::Status shown =
      Error(code, reason,
            absl::StrCat(retry ? "not possible at the moment; try again" : "internal error",
                         " (the server's log says more under error_id ", id, ")"),
            {{"error_id", id}});
  if (retry) SetDetail(shown, MakeRetryInfo(kRetryAfter));
  return shown;
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status, std::string_view trace_id) {
  if (status.ok()) return grpc::Status::OK;
  const absl::Status shown = ReasonOf(status).empty() ? Presentable(status, trace_id) : status;
  google::rpc::Status details;
  details.set_code(static_cast<int>(shown.code()));
  details.set_message(std::string(shown.message()));
  shown.ForEachPayload([&details](absl::string_view type_url, const absl::Cord& payload) {
    if (!IsDetail(type_url)) return;
    auto* any = details.add_details();
    any->set_type_url(std::string(type_url));
    any->set_value(std::string(payload));
  });
  std::string serialized = details.SerializeAsString();
  if (serialized.size() > kMaxDetailsBytes) serialized.clear();
  return grpc::Status(static_cast<grpc::StatusCode>(shown.code()), std::string(shown.message()),
                      serialized);
}

grpc::Status ToGrpc(const grpc::ServerContextBase* context, const absl::Status& status) {
  if (status.ok() || context == nullptr) return ToGrpc(status);
  return ToGrpc(status, TraceIdOf(*context));
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) {
    for (const auto& any : details.details()) {
      result.SetPayload(any.type_url(), absl::Cord(any.value()));
    }
  }
  return result;
}

}  // namespace service
