// What is asked of a source database besides its stream, over an ordinary connection: how much of
// the outbox is not at Kafka yet, and what the slot retains.
#ifndef ORDER_SAGA_OUTBOX_RELAY_WATCH_SOURCE_WATCH_H_
#define ORDER_SAGA_OUTBOX_RELAY_WATCH_SOURCE_WATCH_H_

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/history/recorder.h"
#include "outbox-relay/history/sample_history.h"
#include "outbox-relay/source_metrics.h"
#include "outbox-relay/source_state.h"

namespace relay {

// A thread of its own: whatever takes long here does not touch the stream. While the database is
// away the gauges keep their last values.
class SourceWatch {
 public:
  SourceWatch(std::string name, std::string conninfo, StateTopicOptions topic,
              SourceMetrics& metrics, SourceState& state);

  // Until a stop; then records what the stream has left, once it has ended.
  absl::Status Run(std::stop_token stop);

 private:
  using Clock = std::chrono::steady_clock;

  // One round; answers how long to wait for the next.
  std::chrono::milliseconds Round();
  absl::Status Connect();
  absl::Status Sample();
  // Counts, and settles when to do so again.
  absl::Status Evaluate();
  absl::Status Count();
  void ReportUnread(const absl::Status& status);
  void Report(const absl::Status& status, const std::string& what, const std::string& fix);

  const std::string name_;
  const std::string conninfo_;
  SourceMetrics& metrics_;
  SourceState& state_;

  std::optional<postgres::Connection> connection_;
  bool was_connected_ = false;
  std::chrono::milliseconds reconnect_pause_{0};
  SampleHistory samples_;
  HistoryRecorder recorder_;
  Clock::time_point evaluate_at_;
  std::string reported_;
  Clock::time_point reported_at_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_WATCH_SOURCE_WATCH_H_
