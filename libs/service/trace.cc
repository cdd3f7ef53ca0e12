#include "libs/service/trace.h"

#include <grpcpp/server_context.h>

#include <string_view>

namespace service {

telemetry::Traceparent TraceOf(const grpc::ServerContextBase& context) {
  const auto& metadata = context.client_metadata();
  const auto [begin, end] = metadata.equal_range("traceparent");
  // The standard: more than one is as good as none.
  if (begin != end && std::next(begin) == end) {
    const auto parsed =
        telemetry::Traceparent::Parse(std::string_view(begin->second.data(), begin->second.size()));
    if (parsed.has_value()) return *parsed;
  }
  return telemetry::Traceparent::New();
}

}  // namespace service
