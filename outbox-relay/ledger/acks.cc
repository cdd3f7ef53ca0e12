#include "outbox-relay/ledger/acks.h"

#include <algorithm>
#include <chrono>

#include "libs/telemetry/metrics.h"

namespace relay {

Acks::Acks(Ledger& ledger, SourceMetrics& metrics)
    : ledger_(ledger), metrics_(metrics), buckets_(telemetry::LatencyBuckets().size() + 1) {}

void Acks::BeginCollection() {
  now_ = std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
             .count();
  last_ticket_ = 0;
}

void Acks::OnDurable(Ledger::Ticket ticket) {
  if (ticket != last_ticket_) {
    last_ticket_ = ticket;
    const int64_t committed = ledger_.CommitTime(ticket);
    // Two clocks: what looks negative took no time. An abandoned transaction comes again.
    last_seconds_ = committed == 0 ? 0 : std::max<double>(0, now_ - committed) / 1e6;
    const auto& bounds = telemetry::LatencyBuckets();
    last_bucket_ = static_cast<size_t>(
        std::lower_bound(bounds.begin(), bounds.end(), last_seconds_) - bounds.begin());
  }
  ++buckets_[last_bucket_];
  seconds_ += last_seconds_;
  ++events_;
  ledger_.Ack(ticket);
}

void Acks::Flush() {
  if (events_ == 0) return;
  metrics_.published_events.Increment(static_cast<double>(events_));
  metrics_.commit_to_ack.ObserveMultiple(buckets_, seconds_);
  metrics_.last_ack.Set(static_cast<double>(now_) / 1e6);
  std::fill(buckets_.begin(), buckets_.end(), 0);
  events_ = 0;
  seconds_ = 0;
  last_ticket_ = 0;
}

}  // namespace relay
