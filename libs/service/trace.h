// Which trace a gRPC call belongs to.
#ifndef ORDER_SAGA_LIBS_SERVICE_TRACE_H_
#define ORDER_SAGA_LIBS_SERVICE_TRACE_H_

#include "libs/telemetry/traceparent.h"

namespace grpc {
class ServerContextBase;
}

namespace service {

// The call's `traceparent` metadata, or a new one if there is none or it is not valid. Call it once
// for each call and keep the answer: a new one has random ids.
telemetry::Traceparent TraceOf(const grpc::ServerContextBase& context);

}  // namespace service

#endif  // ORDER_SAGA_LIBS_SERVICE_TRACE_H_
