// google.rpc details inside an absl::Status. Internal to errors and rpc_status: everyone else makes
// errors with errors.h.
#ifndef ORDER_SAGA_LIBS_SERVICE_ERROR_DETAILS_H_
#define ORDER_SAGA_LIBS_SERVICE_ERROR_DETAILS_H_

#include <google/rpc/error_details.pb.h>

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "libs/service/errors.h"

namespace service {

// "type.googleapis.com/google.rpc.ErrorInfo".
std::string TypeUrl(const google::protobuf::Descriptor& type);

// Replaces the detail of the same type.
void SetDetail(absl::Status& status, const google::protobuf::Message& detail);

google::rpc::ErrorInfo MakeErrorInfo(std::string_view reason, const ErrorMetadata& metadata);
google::rpc::RetryInfo MakeRetryInfo(std::chrono::milliseconds after);

}  // namespace service

#endif  // ORDER_SAGA_LIBS_SERVICE_ERROR_DETAILS_H_
