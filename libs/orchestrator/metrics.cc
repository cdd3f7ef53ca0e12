#include "libs/orchestrator/metrics.h"

#include <algorithm>
#include <chrono>

#include "libs/telemetry/metrics.h"

namespace orchestrator {
namespace {

prometheus::Gauge& MakeGauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace

Metrics::Metrics(prometheus::Registry& registry)
    : started_(prometheus::BuildCounter()
                   .Name("saga_started_total")
                   .Help("Sagas begun.")
                   .Register(registry)
                   .Add({})),
      finished_(prometheus::BuildCounter()
                    .Name("saga_finished_total")
                    .Help("Sagas ended, by their outcome.")
                    .Register(registry)),
      completed_(finished_.Add({{"outcome", "completed"}})),
      compensated_(finished_.Add({{"outcome", "compensated"}})),
      duration_(prometheus::BuildHistogram()
                    .Name("saga_duration_seconds")
                    .Help("From a saga's beginning to its end.")
                    .Register(registry)
                    .Add({}, telemetry::LongBuckets())) {}

void Metrics::CountStarted(size_t sagas) { started_.Increment(static_cast<double>(sagas)); }

void Metrics::CountEnded(const std::vector<Ended>& ended) {
  const int64_t now = std::chrono::duration_cast<std::chrono::microseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  for (const Ended& one : ended) {
    (one.state == saga::State::kCompleted ? completed_ : compensated_).Increment();
    // Two clocks, ours and the database's: never negative.
    duration_.Observe(
        static_cast<double>(std::max<int64_t>(0, now - one.created_unix_microseconds)) / 1e6);
  }
}

SagaGauges::SagaGauges(prometheus::Registry& registry)
    : in_flight_(MakeGauge(registry, "saga_in_flight", "Sagas that have not ended.")),
      oldest_age_(MakeGauge(registry, "saga_oldest_in_flight_age_seconds",
                            "Age of the oldest saga that has not ended; 0 if there is none.")),
      parked_(MakeGauge(registry, "saga_parked", "Sagas that wait for an operator.")) {}

absl::Status SagaGauges::Read(postgres::Connection& connection) {
  auto row = connection.Execute(R"sql(
    SELECT (SELECT count(*) FROM sagas WHERE state IN (1, 2)),
           (SELECT count(*) FROM sagas WHERE parked IS NOT NULL),
           coalesce((SELECT (extract(epoch FROM clock_timestamp() - created_at) * 1000)::bigint
                       FROM sagas WHERE state IN (1, 2) ORDER BY tx_id LIMIT 1), 0)
  )sql");
  if (!row.ok()) return row.status();
  in_flight_.Set(static_cast<double>(row->Int64(0, 0)));
  parked_.Set(static_cast<double>(row->Int64(0, 1)));
  oldest_age_.Set(static_cast<double>(row->Int64(0, 2)) / 1000);
  return absl::OkStatus();
}

}  // namespace orchestrator
