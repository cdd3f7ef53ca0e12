#ifndef ORDER_SAGA_ORDER_SERVICE_CANARY_CANARY_LISTENER_H_
#define ORDER_SAGA_ORDER_SERVICE_CANARY_CANARY_LISTENER_H_

#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include "libs/inbox/handler.h"
#include "libs/telemetry/metrics.h"

namespace order {

// Listens to the services' canaries and knows how old the newest one of each is. Thread-safe.
class CanaryListener : public inbox::Handler {
 public:
  // The age of a service that was never heard counts from now.
  CanaryListener();

  absl::Status Handle(outbox::UnitOfWork& work, absl::Span<inbox::Delivery* const> batch) override;

  // For outbox_canary_age_seconds{service}.
  telemetry::GaugeOnScrape::Samples Ages() const;

 private:
  using Clock = std::chrono::system_clock;

  mutable std::mutex mutex_;
  std::map<std::string, Clock::time_point> newest_;  // guarded by mutex_; the services' own clocks
};

}  // namespace order

#endif  // ORDER_SAGA_ORDER_SERVICE_CANARY_CANARY_LISTENER_H_
