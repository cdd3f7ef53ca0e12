#include "libs/service/grpc_logs.h"

#include <grpcpp/version_info.h>

#if GRPC_CPP_VERSION_MAJOR == 1 && GRPC_CPP_VERSION_MINOR < 65
#include <grpc/support/log.h>

#include "libs/telemetry/log.h"

namespace service {

void LeadGrpcLogsToOurs() {
  gpr_set_log_function([](gpr_log_func_args* line) {
    // Its errors are mostly a client's doing: a connection that broke, a request beyond a limit.
    const telemetry::Level level =
        line->severity == GPR_LOG_SEVERITY_ERROR  ? telemetry::Level::kWarn
        : line->severity == GPR_LOG_SEVERITY_INFO ? telemetry::Level::kInfo
                                                  : telemetry::Level::kDebug;
    telemetry::Log(level, "gRPC",
                   {{"text", line->message}, {"file", line->file}, {"line", line->line}});
  });
}

}  // namespace service
#else
namespace service {

void LeadGrpcLogsToOurs() {}

}  // namespace service
#endif
