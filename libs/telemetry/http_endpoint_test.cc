#include "libs/telemetry/http_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include "libs/telemetry/host_port.h"
#include "libs/telemetry/metrics.h"
#include "prometheus/registry.h"

namespace telemetry {
namespace {

using ::testing::HasSubstr;

httplib::Result Get(const HttpEndpoint& endpoint, const std::string& path) {
  return httplib::Client("http://" + endpoint.address()).Get(path);
}

TEST(HttpEndpointTest, MetricsOfEverySource) {
  HttpEndpoint endpoint;
  auto registry = std::make_shared<prometheus::Registry>();
  AddBuildInfo(*registry, "p", "v");
  endpoint.AddMetrics(registry);
  ASSERT_TRUE(endpoint.Start("127.0.0.1:0").ok());
  endpoint.AddMetrics(std::make_shared<ProcessMetrics>());
  const httplib::Result answer = Get(endpoint, "/metrics");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_THAT(answer->body, HasSubstr("order_saga_build_info"));
  EXPECT_THAT(answer->body, HasSubstr("process_resident_memory_bytes"));
  EXPECT_THAT(answer->get_header_value("Content-Type"), HasSubstr("version=0.0.4"));
}

TEST(HttpEndpointTest, ChecksAnswerALineEach) {
  HttpEndpoint endpoint;
  absl::Status database = absl::OkStatus();
  endpoint.AddReadinessCheck("started", [] { return absl::OkStatus(); });
  endpoint.AddReadinessCheck("database", [&database] { return database; });
  ASSERT_TRUE(endpoint.Start("127.0.0.1:0").ok());
  EXPECT_EQ(Get(endpoint, "/readyz")->status, 200);
  EXPECT_EQ(Get(endpoint, "/readyz")->body, "ok started\nok database\n");
  database = absl::UnavailableError("no connection yet");
  EXPECT_EQ(Get(endpoint, "/readyz")->status, 503);
  EXPECT_EQ(Get(endpoint, "/readyz")->body, "ok started\nfailed database: no connection yet\n");
  EXPECT_EQ(Get(endpoint, "/healthz")->status, 200);
  EXPECT_EQ(Get(endpoint, "/nothing")->status, 404);
}

TEST(HttpEndpointTest, ReadinessIsExportedOnceMetricsAreAskedFor) {
  HttpEndpoint endpoint;
  endpoint.AddReadinessCheck("started", [] { return absl::OkStatus(); });
  endpoint.AddReadinessCheck("database", [] { return absl::UnavailableError("away"); });
  ASSERT_TRUE(endpoint.Start("127.0.0.1:0").ok());
  std::string metrics;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (metrics.find("order_saga_ready") == std::string::npos) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    metrics = Get(endpoint, "/metrics")->body;
  }
  EXPECT_THAT(metrics, HasSubstr("order_saga_ready{check=\"started\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("order_saga_ready{check=\"database\"} 0\n"));
}

TEST(HttpEndpointTest, ACheckThatHangsHoldsOneThread) {
  HttpEndpoint endpoint;
  std::atomic<int> calls = 0;
  std::promise<void> arrived, release;
  endpoint.AddReadinessCheck("database", [&] {
    if (++calls == 2) {
      arrived.set_value();
      release.get_future().wait();
    }
    return absl::OkStatus();
  });
  ASSERT_TRUE(endpoint.Start("127.0.0.1:0").ok());
  EXPECT_EQ(Get(endpoint, "/readyz")->status, 200);
  std::thread hanging([&] { EXPECT_EQ(Get(endpoint, "/readyz")->status, 200); });
  arrived.get_future().wait();
  // More than there are threads, and the last answer for each; in the end that there is none.
  int status = 200;
  for (int i = 0; i < 100 || status == 200; ++i) status = Get(endpoint, "/readyz")->status;
  EXPECT_EQ(status, 503);
  EXPECT_THAT(Get(endpoint, "/readyz")->body, HasSubstr("does not answer"));
  EXPECT_EQ(Get(endpoint, "/healthz")->status, 200);
  EXPECT_EQ(calls, 2);
  release.set_value();
  hanging.join();
  EXPECT_EQ(Get(endpoint, "/readyz")->status, 200);
}

TEST(HttpEndpointTest, ConnectionsThatSendNothingHinderNobody) {
  HttpEndpoint endpoint;
  ASSERT_TRUE(endpoint.Start("127.0.0.1:0").ok());
  const absl::StatusOr<HostPort> where = ParseHostPort(endpoint.address());
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(where->port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::vector<int> silent;
  for (int i = 0; i < 40; ++i) {
    silent.push_back(socket(AF_INET, SOCK_STREAM, 0));
    ASSERT_EQ(connect(silent.back(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  const httplib::Result answer = Get(endpoint, "/healthz");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  for (const int fd : silent) close(fd);
}

TEST(HttpEndpointTest, ATakenPortIsAnErrorThatNamesIt) {
  HttpEndpoint first, second;
  ASSERT_TRUE(first.Start("127.0.0.1:0").ok());
  const absl::Status status = second.Start(first.address());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("is taken by another process"));
}

TEST(HttpEndpointTest, StopsAndStopsAgain) {
  HttpEndpoint endpoint;
  endpoint.Stop();
  ASSERT_TRUE(endpoint.Start("127.0.0.1:0").ok());
  const std::string address = endpoint.address();
  endpoint.Stop();
  endpoint.Stop();
  EXPECT_FALSE(httplib::Client("http://" + address).Get("/healthz"));
}

}  // namespace
}  // namespace telemetry
