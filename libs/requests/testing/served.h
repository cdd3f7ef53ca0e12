// For tests: a gRPC service behind a real listener, and a client of it.
#ifndef ORDER_SAGA_LIBS_REQUESTS_TESTING_SERVED_H_
#define ORDER_SAGA_LIBS_REQUESTS_TESTING_SERVED_H_

#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "libs/service/errors.h"
#include "libs/service/grpc_server.h"
#include "libs/service/rpc_status.h"
#include "prometheus/registry.h"

namespace requests {

// `Rpc` is the generated class: product::v1::ProductService.
template <typename Rpc>
class Served {
 public:
  // `service` is not owned.
  explicit Served(typename Rpc::Service& service) {
    server_.Add(Rpc::service_full_name(), &service);
    absl::Status started = server_.Start([](const absl::Status&) {});
    EXPECT_TRUE(started.ok()) << started;
    stub_ =
        Rpc::NewStub(grpc::CreateChannel(server_.address(), grpc::InsecureChannelCredentials()));
  }
  ~Served() {
    server_.BeginDrain();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    EXPECT_TRUE(server_.AwaitDrained(deadline).ok());
  }

  // The answer, or the error as it came over the wire: Call(&Stub::GetProduct, request).
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Rpc::Stub::*method)(grpc::ClientContext*,
                                                                  const Request&, Response*),
                                const Request& request) {
    grpc::ClientContext context;
    Response response;
    absl::Status status = service::FromGrpc((stub_.get()->*method)(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

 private:
  prometheus::Registry metrics_;
  service::GrpcServer server_{"grpc", {}, metrics_};
  std::unique_ptr<typename Rpc::Stub> stub_;
};

// An error with this ErrorInfo, whose message holds this text.
template <typename T>
void ExpectError(const absl::StatusOr<T>& answer, absl::StatusCode code, std::string_view reason,
                 std::string_view message) {
  EXPECT_EQ(answer.status().code(), code) << answer.status();
  EXPECT_EQ(service::ReasonOf(answer.status()), reason);
  EXPECT_NE(std::string(answer.status().message()).find(message), std::string::npos)
      << answer.status();
}

}  // namespace requests

#endif  // ORDER_SAGA_LIBS_REQUESTS_TESTING_SERVED_H_
