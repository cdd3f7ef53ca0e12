// Which trace a gRPC call belongs to.
#ifndef ORDER_SAGA_LIBS_SERVICE_TRACE_H_
#define ORDER_SAGA_LIBS_SERVICE_TRACE_H_

#include <string>
#include <string_view>

#include "libs/telemetry/traceparent.h"

namespace grpc {
class ServerContextBase;
}

namespace service {

struct Trace {
  telemetry::Traceparent parent;
  std::string state;  // the metadata `tracestate`; empty: none
};

// The call's `traceparent` metadata, or a new one if there is none or it is not valid (then what
// state there is counts for nothing). Call it once for each call and keep the answer: a new one has
// random ids.
Trace TraceOf(const grpc::ServerContextBase& context);

// The trace id of the call's metadata, for log lines; empty if there is none.
std::string_view TraceIdOf(const grpc::ServerContextBase& context);

}  // namespace service

#endif  // ORDER_SAGA_LIBS_SERVICE_TRACE_H_
