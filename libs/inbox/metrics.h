#ifndef ORDER_SAGA_LIBS_INBOX_METRICS_H_
#define ORDER_SAGA_LIBS_INBOX_METRICS_H_

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "libs/inbox/unit.h"
#include "libs/kafka/consumer.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace inbox {

// What a door tells about itself. Used by the door's thread only.
class Metrics {
 public:
  explicit Metrics(prometheus::Registry& registry);

  // One batch of `messages` was applied in `duration`.
  void Count(const Outcomes& outcomes, size_t messages,
             std::chrono::steady_clock::duration duration);

  // For each of `topics`, those without partitions of ours too.
  void SetLag(const kafka::Consumer& consumer, const std::vector<std::string>& topics);

 private:
  prometheus::Family<prometheus::Counter>& messages_;
  prometheus::Counter& applied_;
  prometheus::Counter& duplicates_;
  prometheus::Counter& parked_;
  prometheus::Counter& dead_;
  prometheus::Counter& dead_letters_;
  prometheus::Histogram& batch_seconds_;
  prometheus::Histogram& batch_messages_;
  prometheus::Family<prometheus::Gauge>& lag_;
};

}  // namespace inbox

#endif  // ORDER_SAGA_LIBS_INBOX_METRICS_H_
