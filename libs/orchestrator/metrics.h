#ifndef ORDER_SAGA_LIBS_ORCHESTRATOR_METRICS_H_
#define ORDER_SAGA_LIBS_ORCHESTRATOR_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "libs/postgres/connection.h"
#include "libs/saga/saga_state.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace orchestrator {

// What the sagas tell about themselves. Thread-safe.
class Metrics {
 public:
  struct Ended {
    saga::State state;
    int64_t created_unix_microseconds;
  };

  explicit Metrics(prometheus::Registry& registry);

  void CountStarted(size_t sagas);
  void CountEnded(const std::vector<Ended>& ended);

 private:
  prometheus::Counter& started_;
  prometheus::Family<prometheus::Counter>& finished_;
  prometheus::Counter& completed_;
  prometheus::Counter& compensated_;
  prometheus::Histogram& duration_;
};

// saga_in_flight, saga_oldest_in_flight_age_seconds, saga_parked, read from the table: true also
// for sagas that another replica began.
class SagaGauges {
 public:
  explicit SagaGauges(prometheus::Registry& registry);
  absl::Status Read(postgres::Connection& connection);

 private:
  prometheus::Gauge& in_flight_;
  prometheus::Gauge& oldest_age_;
  prometheus::Gauge& parked_;
};

}  // namespace orchestrator

#endif  // ORDER_SAGA_LIBS_ORCHESTRATOR_METRICS_H_
