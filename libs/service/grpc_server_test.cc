#include "libs/service/grpc_server.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <future>
#include <sstream>
#include <thread>

#include "libs/service/errors.h"
#include "libs/service/rpc_status.h"
#include "libs/service/trace.h"
#include "order/v1/order_service.grpc.pb.h"
#include "prometheus/text_serializer.h"

namespace service {
namespace {

using order::v1::OrderService;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kHealth = "/grpc.health.v1.Health/Check";
constexpr char kServing = 1, kNotServing = 2;

// A stream that ends when its client goes.
class EndlessStream : public grpc::ServerWriteReactor<order::v1::WatchOrderResponse> {
 public:
  EndlessStream() { StartSendInitialMetadata(); }
  void OnCancel() override { Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }
};

class Orders : public OrderService::CallbackService {
 public:
  // user_id chooses what happens: 1 an order, 2 bad input, 3 a call that waits for `release`, 4
  // input that is bad in a thousand places.
  grpc::ServerUnaryReactor* CreateOrder(grpc::CallbackServerContext* context,
                                        const order::v1::CreateOrderRequest* request,
                                        order::v1::CreateOrderResponse* response) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    response->mutable_order()->set_order_id(TraceOf(*context).parent.ToString());
    if (request->user_id() == 2) {
      Violations violations;
      violations.Add("user_id", "must not be 2");
      reactor->Finish(ToGrpc(violations.ToStatus()));
    } else if (request->user_id() == 4) {
      Violations violations;
      for (int i = 0; i < 1000; ++i) {
        std::string description;
        for (int j = 0; j < i; ++j) description += "가";  // three bytes here, nine on the wire
        violations.Add("order_products[" + std::to_string(i) + "].amount", description);
      }
      reactor->Finish(ToGrpc(violations.ToStatus()));
    } else if (request->user_id() == 3) {
      std::thread([this, reactor] {
        arrived.set_value();
        release.get_future().wait();
        reactor->Finish(grpc::Status::OK);
      }).detach();
    } else {
      reactor->Finish(grpc::Status::OK);
    }
    return reactor;
  }
  grpc::ServerWriteReactor<order::v1::WatchOrderResponse>* WatchOrder(
      grpc::CallbackServerContext*, const order::v1::WatchOrderRequest*) override {
    return new EndlessStream;
  }

  std::promise<void> arrived, release;
};

class GrpcServerTest : public ::testing::Test {
 protected:
  void Start(GrpcServerOptions options = {}) {
    server_ = std::make_unique<GrpcServer>("grpc", options, registry_);
    server_->Add(OrderService::service_full_name(), &orders_);
    ASSERT_EQ(server_->Start([](absl::Status) {}), absl::OkStatus());
    Connect({});
  }
  void Connect(const grpc::ChannelArguments& arguments) {
    channel_ = grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(),
                                         arguments);
    stub_ = OrderService::NewStub(channel_);
  }

  grpc::Status Create(int user_id, order::v1::CreateOrderResponse* response = nullptr,
                      const std::vector<std::pair<std::string, std::string>>& metadata = {}) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + seconds(30));
    for (const auto& [name, value] : metadata) context.AddMetadata(name, value);
    order::v1::CreateOrderRequest request;
    request.set_user_id(user_id);
    order::v1::CreateOrderResponse unused;
    return stub_->CreateOrder(&context, request, response != nullptr ? response : &unused);
  }

  // One message there and one back, for services whose protos are in no package.
  std::pair<grpc::Status, std::string> CallRaw(const std::string& method,
                                               const std::string& bytes) {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + seconds(30));
    grpc::CompletionQueue queue;
    const auto next = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      queue.Next(&tag, &ok);
      return ok;
    };
    auto call = stub.PrepareCall(&context, method, &queue);
    call->StartCall(nullptr);
    next();
    const grpc::Slice slice(bytes);
    call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    next();
    call->WritesDone(nullptr);
    next();
    grpc::ByteBuffer answer;
    std::string text;
    call->Read(&answer, nullptr);
    if (next()) {
      grpc::Slice whole;
      answer.DumpToSingleSlice(&whole).ok();
      text.assign(reinterpret_cast<const char*>(whole.begin()), whole.size());
    }
    grpc::Status status;
    call->Finish(&status, nullptr);
    next();
    return {status, text};
  }

  static std::string Field(int number, const std::string& text) {
    return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(text.size())} + text;
  }
  // What health says: kServing, kNotServing; -1 for an unknown name.
  int Health(const std::string& name) {
    const auto [status, text] = CallRaw(kHealth, name.empty() ? "" : Field(1, name));
    if (status.error_code() == grpc::StatusCode::NOT_FOUND) return -1;
    EXPECT_TRUE(status.ok()) << status.error_message();
    return text.size() == 2 ? text[1] : 0;
  }
  std::string Reflect(const std::string& symbol) {
    return CallRaw("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                   Field(4, symbol))
        .second;
  }
  std::string Metrics() const {
    std::ostringstream text;
    prometheus::TextSerializer().Serialize(text, registry_.Collect());
    return text.str();
  }
  static std::string Handled(const std::string& method, const std::string& type,
                             const std::string& code, int count) {
    return "grpc_server_handled_total{grpc_code=\"" + code + "\",grpc_method=\"" + method +
           "\",grpc_service=\"order.v1.OrderService\",grpc_type=\"" + type + "\"} " +
           std::to_string(count) + "\n";
  }

  prometheus::Registry registry_;
  Orders orders_;
  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<OrderService::Stub> stub_;
};

TEST_F(GrpcServerTest, ErrorsArriveWithTheirDetails) {
  Start();
  EXPECT_TRUE(Create(1).ok());
  const absl::Status status = FromGrpc(Create(2));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "INVALID_REQUEST");
  EXPECT_TRUE(status.GetPayload("type.googleapis.com/google.rpc.BadRequest").has_value());
}

TEST_F(GrpcServerTest, CallsAreCountedByCode) {
  Start();
  EXPECT_THAT(Metrics(), HasSubstr(Handled("CreateOrder", "unary", "Unavailable", 0)))
      << "there from the start";
  EXPECT_THAT(Metrics(), HasSubstr(Handled("WatchOrder", "server_stream", "OK", 0)));
  Create(1);
  Create(1);
  Create(2);
  EXPECT_THAT(Metrics(), HasSubstr(Handled("CreateOrder", "unary", "OK", 2)));
  EXPECT_THAT(Metrics(), HasSubstr(Handled("CreateOrder", "unary", "InvalidArgument", 1)));
  EXPECT_THAT(Metrics(), HasSubstr("grpc_server_started_total{grpc_method=\"CreateOrder\",grpc_"
                                   "service=\"order.v1.OrderService\",grpc_type=\"unary\"} 3\n"));
  EXPECT_THAT(Metrics(),
              HasSubstr("grpc_server_handling_seconds_count{grpc_method=\"CreateOrder\",grpc_"
                        "service=\"order.v1.OrderService\",grpc_type=\"unary\"} 3\n"));
}

TEST_F(GrpcServerTest, AStreamThatItsClientLeavesIsCounted) {
  Start();
  {
    grpc::ClientContext context;
    auto stream = stub_->WatchOrder(&context, order::v1::WatchOrderRequest());
    stream->WaitForInitialMetadata();
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  const auto deadline = steady_clock::now() + seconds(20);
  const std::string wanted = Handled("WatchOrder", "server_stream", "Canceled", 1);
  while (Metrics().find(wanted) == std::string::npos && steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_THAT(Metrics(), HasSubstr(wanted));
}

TEST_F(GrpcServerTest, StrangersMakeNoLabels) {
  Start();
  EXPECT_EQ(CallRaw("/order.v1.OrderService/Nonsense", "").first.error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(Metrics(), Not(HasSubstr("Nonsense")));
}

TEST_F(GrpcServerTest, TheCallersTraceIsKept) {
  Start();
  const std::string traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  order::v1::CreateOrderResponse response;
  Create(1, &response, {{"traceparent", traceparent}});
  EXPECT_EQ(response.order().order_id(), traceparent);
  Create(1, &response, {{"traceparent", "nonsense"}});
  EXPECT_EQ(response.order().order_id().size(), traceparent.size());
  Create(1, &response, {{"traceparent", traceparent}, {"traceparent", traceparent}});
  EXPECT_NE(response.order().order_id(), traceparent) << "two are as good as none";
}

TEST_F(GrpcServerTest, HealthKnowsEachServiceAndReflectionTheErrorDetails) {
  Start();
  EXPECT_EQ(Health(""), kServing);
  EXPECT_EQ(Health("order.v1.OrderService"), kServing);
  EXPECT_EQ(Health("nobody"), -1);
  EXPECT_THAT(Reflect("order.v1.OrderService"), HasSubstr("CreateOrder"));
  EXPECT_THAT(Reflect("grpc.health.v1.Health"), HasSubstr("HealthCheckRequest"));
  for (const char* type :
       {"google.rpc.ErrorInfo", "google.rpc.BadRequest", "google.rpc.RetryInfo"}) {
    EXPECT_THAT(Reflect(type), HasSubstr("error_details.proto")) << type;
  }
}

TEST_F(GrpcServerTest, ATakenPortIsAnErrorThatNamesIt) {
  Start();
  GrpcServer second("grpc", {.address = server_->address()}, registry_);
  const absl::Status status = second.Start([](absl::Status) {});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("is taken by another process"));
  EXPECT_TRUE(Create(1).ok());
}

TEST_F(GrpcServerTest, AMessageThatIsTooLargeIsRefused) {
  Start({.limits = {.max_receive_message_bytes = 1 << 10}});
  grpc::ClientContext context;
  order::v1::CreateOrderRequest request;
  request.set_request_id(std::string(2 << 10, 'x'));
  order::v1::CreateOrderResponse response;
  EXPECT_EQ(stub_->CreateOrder(&context, request, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Create(1).ok()) << "the connection goes on";
}

TEST_F(GrpcServerTest, TheLongestErrorReachesItsClient) {
  Start();
  const absl::Status status = FromGrpc(Create(4));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(ReasonOf(status), "INVALID_REQUEST");
  EXPECT_THAT(std::string(status.message()), HasSubstr("order_products[1].amount"));
}

TEST_F(GrpcServerTest, MetadataThatIsTooLargeIsRefused) {
  Start({.limits = {.max_metadata_bytes = 4 << 10}});
  EXPECT_EQ(Create(1, nullptr, {{"large", std::string(16 << 10, 'x')}}).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(GrpcServerTest, AFloodOfPingsIsCutOff) {
  Start();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  Connect(arguments);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + seconds(30));
  auto stream = stub_->WatchOrder(&context, order::v1::WatchOrderRequest());
  order::v1::WatchOrderResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(GrpcServerTest, ADrainLetsRunningCallsEnd) {
  Start();
  std::future<grpc::Status> running = std::async(std::launch::async, [&] { return Create(3); });
  orders_.arrived.get_future().wait();
  server_->BeginDrain();
  EXPECT_EQ(Health(""), kNotServing);
  EXPECT_EQ(Health("order.v1.OrderService"), kNotServing);
  EXPECT_TRUE(Create(1).ok()) << "still taken";
  std::future<absl::Status> drained = std::async(
      std::launch::async, [&] { return server_->AwaitDrained(steady_clock::now() + seconds(30)); });
  EXPECT_EQ(drained.wait_for(milliseconds(50)), std::future_status::timeout);
  orders_.release.set_value();
  EXPECT_TRUE(running.get().ok());
  EXPECT_EQ(drained.get(), absl::OkStatus());
  EXPECT_EQ(Create(1).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(GrpcServerTest, AStreamThatRunsAtTheDeadlineIsCancelled) {
  Start();
  grpc::ClientContext context;
  auto stream = stub_->WatchOrder(&context, order::v1::WatchOrderRequest());
  stream->WaitForInitialMetadata();
  server_->BeginDrain();
  EXPECT_EQ(server_->AwaitDrained(steady_clock::now() + milliseconds(50)), absl::OkStatus());
  EXPECT_FALSE(stream->Finish().ok());
}

}  // namespace
}  // namespace service
