// absl::Status ↔ grpc::Status, in this one place.
#ifndef ORDER_SAGA_LIBS_SERVICE_RPC_STATUS_H_
#define ORDER_SAGA_LIBS_SERVICE_RPC_STATUS_H_

#include <string_view>

#include "absl/status/status.h"

namespace grpc {
class ServerContextBase;
class Status;
}  // namespace grpc

namespace service {

// What a caller may see. A status made by errors.h goes as it is. One that carries a mark of our
// own (a SQLSTATE) has a text that tells SQL and values of rows: it becomes INTERNAL, or
// UNAVAILABLE if it may be tried again. Any other keeps its code and gets an ErrorInfo (reason: the
// code's name); its message is kept if the code blames the request (INVALID_ARGUMENT, NOT_FOUND,
// ALREADY_EXISTS, FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED, CANCELLED, DEADLINE_EXCEEDED,
// UNAUTHENTICATED, PERMISSION_DENIED). Otherwise it could tell SQL or host names: it is logged
// under an error_id, and the caller gets that id; UNAVAILABLE, RESOURCE_EXHAUSTED and ABORTED get a
// RetryInfo too. The log's line has the caller's trace_id, if there is one.
grpc::Status ToGrpc(const absl::Status& status, std::string_view trace_id = {});
// The same with the trace of the call's metadata; null: none.
grpc::Status ToGrpc(const grpc::ServerContextBase* context, const absl::Status& status);

// For clients: code, message and details.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace service

#endif  // ORDER_SAGA_LIBS_SERVICE_RPC_STATUS_H_
