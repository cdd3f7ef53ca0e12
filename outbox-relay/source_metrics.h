// What one source counts.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_METRICS_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_METRICS_H_

#include <array>
#include <chrono>
#include <string>

#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace relay {

// The stages of the relay's loop, in order.
enum class Stage { kReceive, kDecode, kRoute, kProduce, kConfirm };
inline constexpr size_t kStages = 5;

// Thread-safe, and made once for a source. Each carries the label source="NAME".
struct SourceMetrics {
  SourceMetrics(prometheus::Registry& registry, const std::string& source);

  prometheus::Counter& published_events;
  prometheus::Counter& publish_failures;
  prometheus::Counter& stream_starts;
  prometheus::Histogram& commit_to_ack;
  prometheus::Gauge& last_ack;
  prometheus::Gauge& active;
  prometheus::Gauge& history_changed;
  prometheus::Gauge& unpublished_events;
  prometheus::Gauge& oldest_unpublished_age;
  prometheus::Gauge& slot_retained_wal;
  prometheus::Gauge& parked_keys;
  prometheus::Gauge& parked_events;
  prometheus::Gauge& oldest_parked_age;
  prometheus::Gauge& missing_topic_wait;
  prometheus::Gauge& missing_topics;
  prometheus::Gauge& parked_topics;
  std::array<prometheus::Counter*, kStages> stage_seconds;
};

// The loop's stage timers. Two clock readings for each stage of each event would cost as much as
// decoding it, so one event in 32 is timed and stands for all. Used by one thread.
class StageTimers {
 public:
  explicit StageTimers(const SourceMetrics& metrics) : metrics_(metrics) {}

  // Begins an event; the stages until the next call count for it.
  void NextEvent() {
    timed_ = ++events_ % kEvery == 0;
    if (timed_) last_ = Clock::now();
  }
  // The stage that has just ended.
  void Mark(Stage stage) {
    if (!timed_) return;
    const Clock::time_point now = Clock::now();
    spent_[static_cast<size_t>(stage)] += (now - last_) * kEvery;
    last_ = now;
  }
  // What was before counts for no stage, or was added to one.
  void Resume() {
    if (timed_) last_ = Clock::now();
  }
  // For stages that handle many events at once.
  void Add(Stage stage, std::chrono::nanoseconds spent) {
    spent_[static_cast<size_t>(stage)] += spent;
  }
  // Brings the sums into the metrics.
  void Flush() {
    for (size_t stage = 0; stage < kStages; ++stage) {
      metrics_.stage_seconds[stage]->Increment(
          std::chrono::duration<double>(spent_[stage]).count());
      spent_[stage] = {};
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int kEvery = 32;

  const SourceMetrics& metrics_;
  std::array<std::chrono::nanoseconds, kStages> spent_{};
  Clock::time_point last_;
  unsigned events_ = 0;
  bool timed_ = false;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_METRICS_H_
