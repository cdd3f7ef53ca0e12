// Counts calls, with the names and labels that dashboards for gRPC servers expect:
// grpc_server_started_total, grpc_server_handled_total, grpc_server_handling_seconds.
// Internal to grpc_server; brings gRPC's headers along.
#ifndef ORDER_SAGA_LIBS_SERVICE_GRPC_METRICS_H_
#define ORDER_SAGA_LIBS_SERVICE_GRPC_METRICS_H_

#include <grpcpp/support/server_interceptor.h>

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

#include "prometheus/counter.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace service {

// The metrics of one method, each code's counter there from the start at 0.
struct MethodMetrics {
  static constexpr int kCodes = 17;  // OK to UNAUTHENTICATED

  prometheus::Counter* started;
  std::array<prometheus::Counter*, kCodes> handled;
  prometheus::Histogram* seconds;
};

class GrpcMetrics {
 public:
  explicit GrpcMetrics(prometheus::Registry& registry);

  // Every method of a generated service, by its full name.
  void AddService(std::string_view full_name);

  // By "/order.v1.OrderService/CreateOrder"; null for a method that is not ours, so that strangers
  // cannot make labels.
  const MethodMetrics* Find(const std::string& path) const;

 private:
  prometheus::Family<prometheus::Counter>& started_;
  prometheus::Family<prometheus::Counter>& handled_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  std::unordered_map<std::string, MethodMetrics> methods_;
};

// `metrics` must outlive the server.
class GrpcMetricsFactory : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit GrpcMetricsFactory(const GrpcMetrics* metrics) : metrics_(metrics) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override;

 private:
  const GrpcMetrics* metrics_;
};

}  // namespace service

#endif  // ORDER_SAGA_LIBS_SERVICE_GRPC_METRICS_H_
