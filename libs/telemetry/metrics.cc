#include "libs/telemetry/metrics.h"

#include "prometheus/client_metric.h"
#include "prometheus/metric_family.h"

namespace telemetry {

const prometheus::Histogram::BucketBoundaries& LatencyBuckets() {
  static const prometheus::Histogram::BucketBoundaries buckets = {
      0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
      0.1,     0.2,    0.5,    1,      2,     5,     10,    20,   60};
  return buckets;
}

const prometheus::Histogram::BucketBoundaries& LongBuckets() {
  static const prometheus::Histogram::BucketBoundaries buckets = {
      0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 600, 3600, 21600, 86400};
  return buckets;
}

double Seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

void ObserveSince(prometheus::Histogram& histogram, std::chrono::steady_clock::time_point start) {
  histogram.Observe(Seconds(std::chrono::steady_clock::now() - start));
}

void AddBuildInfo(prometheus::Registry& registry, std::string_view program,
                  std::string_view version) {
  prometheus::BuildGauge()
      .Name("order_saga_build_info")
      .Help("1; the labels say which program this is, in which version.")
      .Register(registry)
      .Add({{"program", std::string(program)}, {"version", std::string(version)}})
      .Set(1);
}

GaugeOnScrape::GaugeOnScrape(std::string name, std::string help, std::function<Samples()> read)
    : name_(std::move(name)), help_(std::move(help)), read_(std::move(read)) {}

std::vector<prometheus::MetricFamily> GaugeOnScrape::Collect() const {
  prometheus::MetricFamily family{name_, help_, prometheus::MetricType::Gauge, {}};
  for (auto& [labels, value] : read_()) {
    prometheus::ClientMetric metric;
    for (const auto& [label, text] : labels) metric.label.push_back({label, text});
    metric.gauge.value = value;
    family.metric.push_back(std::move(metric));
  }
  if (family.metric.empty()) return {};
  return {std::move(family)};
}

}  // namespace telemetry
