#include "libs/service/grpc_metrics.h"

#include <google/protobuf/descriptor.h>

#include <chrono>

#include "libs/telemetry/check.h"
#include "libs/telemetry/metrics.h"

namespace service {
namespace {

using Clock = std::chrono::steady_clock;

// As go-grpc-prometheus writes them; what dashboards and alerts match.
constexpr const char* kCodeNames[MethodMetrics::kCodes] = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

const char* TypeOf(const google::protobuf::MethodDescriptor& method) {
  if (method.client_streaming()) return method.server_streaming() ? "bidi_stream" : "client_stream";
  return method.server_streaming() ? "server_stream" : "unary";
}

class Interceptor : public grpc::experimental::Interceptor {
 public:
  explicit Interceptor(const MethodMetrics* metrics) : metrics_(metrics), start_(Clock::now()) {
    metrics_->started->Increment();
  }

  // A call that ends without a status was given up by its client.
  ~Interceptor() override {
    if (!handled_) Handled(grpc::StatusCode::CANCELLED);
  }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    using grpc::experimental::InterceptionHookPoints;
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      Handled(methods->GetSendStatus().error_code());
    }
    methods->Proceed();
  }

 private:
  void Handled(grpc::StatusCode code) {
    handled_ = true;
    const bool known = code >= 0 && code < MethodMetrics::kCodes;
    metrics_->handled[known ? code : grpc::StatusCode::UNKNOWN]->Increment();
    telemetry::ObserveSince(*metrics_->seconds, start_);
  }

  const MethodMetrics* const metrics_;
  const Clock::time_point start_;
  bool handled_ = false;
};

}  // namespace

GrpcMetrics::GrpcMetrics(prometheus::Registry& registry)
    : started_(prometheus::BuildCounter()
                   .Name("grpc_server_started_total")
                   .Help("Calls that have come in.")
                   .Register(registry)),
      handled_(prometheus::BuildCounter()
                   .Name("grpc_server_handled_total")
                   .Help("Calls that have ended, by the code they ended with.")
                   .Register(registry)),
      seconds_(prometheus::BuildHistogram()
                   .Name("grpc_server_handling_seconds")
                   .Help("How long calls took on the server.")
                   .Register(registry)) {}

void GrpcMetrics::AddService(std::string_view full_name) {
  const google::protobuf::ServiceDescriptor* service =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(std::string(full_name));
  ORDER_SAGA_CHECK(service != nullptr, "a service's name is its generated service_full_name()");
  for (int i = 0; i < service->method_count(); ++i) {
    const google::protobuf::MethodDescriptor& method = *service->method(i);
    const prometheus::Labels labels = {{"grpc_type", TypeOf(method)},
                                       {"grpc_service", service->full_name()},
                                       {"grpc_method", method.name()}};
    MethodMetrics metrics;
    metrics.started = &started_.Add(labels);
    metrics.seconds = &seconds_.Add(labels, telemetry::LatencyBuckets());
    for (int code = 0; code < MethodMetrics::kCodes; ++code) {
      prometheus::Labels with_code = labels;
      with_code["grpc_code"] = kCodeNames[code];
      metrics.handled[code] = &handled_.Add(with_code);
    }
    methods_.emplace("/" + service->full_name() + "/" + method.name(), metrics);
  }
}

const MethodMetrics* GrpcMetrics::Find(const std::string& path) const {
  const auto found = methods_.find(path);
  return found == methods_.end() ? nullptr : &found->second;
}

grpc::experimental::Interceptor* GrpcMetricsFactory::CreateServerInterceptor(
    grpc::experimental::ServerRpcInfo* info) {
  const MethodMetrics* metrics =
      info->method() == nullptr ? nullptr : metrics_->Find(info->method());
  return metrics == nullptr ? nullptr : new Interceptor(metrics);
}

}  // namespace service
