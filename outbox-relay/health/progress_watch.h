// What /healthz says of the sources: a process that stands still without a reason is to be
// restarted.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HEALTH_PROGRESS_WATCH_H_
#define ORDER_SAGA_OUTBOX_RELAY_HEALTH_PROGRESS_WATCH_H_

#include <atomic>
#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "libs/kafka/config.h"
#include "outbox-relay/health/stall_detector.h"
#include "outbox-relay/source_metrics.h"
#include "outbox-relay/source_state.h"

struct rd_kafka_s;

namespace relay {

// One for all sources, on a thread of its own. It looks once a second, and asks Kafka only about a
// source that it suspects.
class ProgressWatch {
 public:
  ProgressWatch(kafka::Settings kafka, std::chrono::milliseconds patience);
  ~ProgressWatch();

  // Before Run; both must outlive it. The number is for health().
  size_t Add(const SourceState& state, const SourceMetrics& metrics);

  // Until a stop.
  absl::Status Run(std::stop_token stop);

  // Not OK: it stands still. Thread-safe, does not wait.
  absl::Status health(size_t source) const;

 private:
  struct Watched {
    const SourceState& state;
    const SourceMetrics& metrics;
    StallDetector detector;
    std::atomic<bool> stalled{false};
  };

  void Look();
  bool KafkaAnswers();

  const kafka::Settings kafka_;
  const std::chrono::milliseconds patience_;
  std::vector<std::unique_ptr<Watched>> sources_;
  rd_kafka_s* client_ = nullptr;  // made at the first suspicion
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HEALTH_PROGRESS_WATCH_H_
