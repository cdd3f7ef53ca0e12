#include "libs/service/grpc_server.h"

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpc/health/v1/health.pb.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "libs/service/grpc_logs.h"
#include "libs/service/grpc_metrics.h"
#include "libs/telemetry/check.h"
#include "libs/telemetry/host_port.h"

namespace service {
namespace {

// Beyond the drain's deadline, for cancelled calls to come home.
constexpr std::chrono::seconds kAfterCancel(1);

int Milliseconds(std::chrono::milliseconds duration) { return static_cast<int>(duration.count()); }

void SetUpOnce() {
  static std::once_flag once;
  std::call_once(once, [] {
    LeadGrpcLogsToOurs();
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    // Reflection serves what is linked in. Without these grpcurl shows error details as base64, and
    // cannot ask for health.
    google::rpc::Status::descriptor();
    google::rpc::ErrorInfo::descriptor();
    grpc::health::v1::HealthCheckRequest::descriptor();
  });
}

void SetLimits(grpc::ServerBuilder& builder, const std::string& name, const GrpcLimits& limits) {
  builder.SetMaxReceiveMessageSize(limits.max_receive_message_bytes);
  builder.SetMaxSendMessageSize(limits.max_send_message_bytes);
  const std::pair<const char*, int> arguments[] = {
      // Linux would let a second program listen on the same port, and share the calls.
      {GRPC_ARG_ALLOW_REUSEPORT, 0},
      {GRPC_ARG_MAX_METADATA_SIZE, limits.max_metadata_bytes},
      {GRPC_ARG_MAX_CONCURRENT_STREAMS, limits.max_concurrent_streams},
      {GRPC_ARG_MAX_CONNECTION_IDLE_MS, Milliseconds(limits.max_connection_idle)},
      {GRPC_ARG_MAX_CONNECTION_AGE_MS, Milliseconds(limits.max_connection_age)},
      {GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, Milliseconds(limits.max_connection_age_grace)},
      {GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
       Milliseconds(limits.min_ping_interval)},
      {GRPC_ARG_HTTP2_MAX_PING_STRIKES, limits.max_ping_strikes},
      {GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1},
      {GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(limits.keepalive_time)},
      {GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(limits.keepalive_timeout)},
  };
  for (const auto& [argument, value] : arguments) builder.AddChannelArgument(argument, value);
  grpc::ResourceQuota quota(name);
  quota.Resize(limits.max_buffer_bytes);
  quota.SetMaxThreads(limits.max_threads);
  builder.SetResourceQuota(quota);
}

}  // namespace

struct GrpcServer::Impl {
  Impl(std::string name, GrpcServerOptions options, prometheus::Registry& registry)
      : name(std::move(name)), options(std::move(options)), metrics(registry) {}

  const std::string name;
  const GrpcServerOptions options;
  GrpcMetrics metrics;  // outlives the server
  std::vector<std::pair<std::string, grpc::Service*>> services;
  std::unique_ptr<grpc::Server> server;
  std::string listens_on;
};

GrpcServer::GrpcServer(std::string name, GrpcServerOptions options, prometheus::Registry& metrics)
    : impl_(std::make_unique<Impl>(std::move(name), std::move(options), metrics)) {}

GrpcServer::~GrpcServer() { AwaitDrained(std::chrono::steady_clock::now()).IgnoreError(); }

void GrpcServer::Add(std::string_view full_name, grpc::Service* service) {
  ORDER_SAGA_CHECK(impl_->server == nullptr, "services are added before Start");
  impl_->metrics.AddService(full_name);
  impl_->services.emplace_back(full_name, service);
}

std::string_view GrpcServer::name() const { return impl_->name; }

std::string GrpcServer::address() const { return impl_->listens_on; }

absl::Status GrpcServer::Start(OnFailure) {
  ORDER_SAGA_CHECK(impl_->server == nullptr, "a server is started once");
  SetUpOnce();
  absl::StatusOr<telemetry::HostPort> where = telemetry::ParseHostPort(impl_->options.address);
  if (!where.ok()) return where.status();
  // gRPC would only say that it failed.
  if (absl::Status why = telemetry::CheckCanListen(*where); !why.ok()) return why;

  grpc::ServerBuilder builder;
  SetLimits(builder, impl_->name, impl_->options.limits);
  int port = 0;
  builder.AddListeningPort(impl_->options.address, grpc::InsecureServerCredentials(), &port);
  for (const auto& [full_name, service] : impl_->services) builder.RegisterService(service);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(std::make_unique<GrpcMetricsFactory>(&impl_->metrics));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));

  impl_->server = builder.BuildAndStart();
  if (impl_->server == nullptr || port == 0) {
    return absl::FailedPreconditionError("cannot listen on " + impl_->options.address);
  }
  where->port = static_cast<std::uint16_t>(port);
  impl_->listens_on = where->ToString();
  grpc::HealthCheckServiceInterface* health = impl_->server->GetHealthCheckService();
  for (const auto& [full_name, service] : impl_->services) {
    health->SetServingStatus(full_name, true);
  }
  health->SetServingStatus("", true);
  return absl::OkStatus();
}

void GrpcServer::BeginDrain() {
  // For every name that was ever set.
  if (impl_->server != nullptr) impl_->server->GetHealthCheckService()->SetServingStatus(false);
}

absl::Status GrpcServer::AwaitDrained(Deadline deadline) {
  if (impl_->server == nullptr) return absl::OkStatus();
  struct Ending {
    std::mutex mutex;
    std::condition_variable changed;
    bool ended = false;  // guarded by mutex
  };
  const auto ending = std::make_shared<Ending>();
  const auto left = deadline - std::chrono::steady_clock::now();
  const auto until = std::chrono::system_clock::now() +
                     std::chrono::duration_cast<std::chrono::system_clock::duration>(left);
  // Shutdown itself waits for handlers without end, hence a thread.
  std::thread([ending, until, server = impl_->server.get()] {
    server->Shutdown(until);
    const std::lock_guard lock(ending->mutex);
    ending->ended = true;
    ending->changed.notify_all();
  }).detach();
  std::unique_lock lock(ending->mutex);
  if (!ending->changed.wait_until(lock, deadline + kAfterCancel, [&] { return ending->ended; })) {
    // The server is left to the thread that still uses it: the process is about to end.
    static_cast<void>(impl_->server.release());
    return absl::DeadlineExceededError("calls are still running");
  }
  impl_->server = nullptr;
  return absl::OkStatus();
}

}  // namespace service
