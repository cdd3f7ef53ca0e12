#include "libs/telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "prometheus/text_serializer.h"

namespace telemetry {
namespace {

using ::testing::HasSubstr;

std::string Text(const prometheus::Collectable& source) {
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, source.Collect());
  return text.str();
}

TEST(MetricsTest, BucketsGrow) {
  EXPECT_TRUE(std::is_sorted(LatencyBuckets().begin(), LatencyBuckets().end()));
  EXPECT_DOUBLE_EQ(LatencyBuckets().front(), 50e-6);
  EXPECT_DOUBLE_EQ(LatencyBuckets().back(), 60);
  EXPECT_TRUE(std::is_sorted(LongBuckets().begin(), LongBuckets().end()));
}

TEST(MetricsTest, BuildInfoIsOne) {
  prometheus::Registry registry;
  AddBuildInfo(registry, "order-service", "1.2.3");
  EXPECT_THAT(Text(registry),
              HasSubstr("order_saga_build_info{program=\"order-service\",version=\"1.2.3\"} 1"));
}

TEST(MetricsTest, AGaugeOnScrapeAsksEachTime) {
  double value = 1;
  const GaugeOnScrape gauge("inbox_consumer_lag", "Lag.", [&value] {
    return GaugeOnScrape::Samples{{{{"topic", "t"}}, value}};
  });
  EXPECT_THAT(Text(gauge), HasSubstr("inbox_consumer_lag{topic=\"t\"} 1\n"));
  value = 2;
  EXPECT_THAT(Text(gauge), HasSubstr("inbox_consumer_lag{topic=\"t\"} 2\n"));
}

TEST(MetricsTest, AGaugeOnScrapeWithoutValuesIsLeftOut) {
  const GaugeOnScrape gauge("x", "X.", [] { return GaugeOnScrape::Samples{}; });
  EXPECT_EQ(Text(gauge), "");
}

TEST(MetricsTest, TheProcessKnowsItself) {
  std::map<std::string, double> values;
  for (const prometheus::MetricFamily& family : ProcessMetrics().Collect()) {
    const prometheus::ClientMetric& metric = family.metric.at(0);
    values[family.name] = std::max(metric.gauge.value, metric.counter.value);
  }
  EXPECT_GT(values["process_resident_memory_bytes"], 1e6);
  EXPECT_GE(values["process_peak_resident_memory_bytes"], values["process_resident_memory_bytes"]);
  EXPECT_GE(values["process_threads"], 1);
  EXPECT_GE(values["process_open_fds"], 3);
  EXPECT_GT(values["process_cpu_seconds_total"], 0);
  const double now = static_cast<double>(time(nullptr));
  EXPECT_NEAR(values["process_start_time_seconds"], now, 600);
}

}  // namespace
}  // namespace telemetry
