#ifndef ORDER_SAGA_LIBS_INBOX_METRICS_H_
#define ORDER_SAGA_LIBS_INBOX_METRICS_H_

#include <chrono>
#include <cstddef>
#include <map>
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
  // `group`, the consumer's, is a label: a program may have several doors.
  Metrics(prometheus::Registry& registry, const std::string& group);

  // A batch was applied in `duration`.
  void Count(const Outcomes& outcomes, std::chrono::steady_clock::duration duration);

  // For each of `topics`, those without partitions of ours too. What is not known is not exported.
  void SetLag(const kafka::Consumer& consumer, const std::vector<std::string>& topics);

  // Messages in inbox_parked.
  void SetParked(int64_t messages) { held_.Set(static_cast<double>(messages)); }

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
  const std::string group_;
  std::map<std::string, prometheus::Gauge*> lag_of_topic_;
  prometheus::Gauge& held_;
};

}  // namespace inbox

#endif  // ORDER_SAGA_LIBS_INBOX_METRICS_H_
