// What gRPC itself has to say goes into our logs.
#ifndef ORDER_SAGA_LIBS_SERVICE_GRPC_LOGS_H_
#define ORDER_SAGA_LIBS_SERVICE_GRPC_LOGS_H_

namespace service {

// From gRPC 1.65 on its logs go through Abseil's, and this does nothing.
void LeadGrpcLogsToOurs();

}  // namespace service

#endif  // ORDER_SAGA_LIBS_SERVICE_GRPC_LOGS_H_
