#include "libs/telemetry/http_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

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
