#include "libs/service/trace.h"

#include <grpcpp/server_context.h>

#include <map>
#include <string_view>

namespace service {
namespace {

// Several headers are one list, says the standard.
std::string StateOf(const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) {
  std::string state;
  const auto [begin, end] = metadata.equal_range("tracestate");
  for (auto entry = begin; entry != end; ++entry) {
    if (!state.empty()) state += ',';
    state.append(entry->second.data(), entry->second.size());
  }
  return std::string(telemetry::UsableTracestate(state));
}

// Empty if there is none; more than one is as good as none, says the standard.
std::string_view ParentOf(const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) {
  const auto [begin, end] = metadata.equal_range("traceparent");
  if (begin == end || std::next(begin) != end) return {};
  return {begin->second.data(), begin->second.size()};
}

}  // namespace

Trace TraceOf(const grpc::ServerContextBase& context) {
  const auto& metadata = context.client_metadata();
  const auto parsed = telemetry::Traceparent::Parse(ParentOf(metadata));
  if (parsed.has_value()) return {*parsed, StateOf(metadata)};
  return {telemetry::Traceparent::New(), {}};
}

std::string_view TraceIdOf(const grpc::ServerContextBase& context) {
  return telemetry::TraceIdIn(ParentOf(context.client_metadata()));
}

}  // namespace service
