// The verb `lag-exporter`: the outbox's lag as metrics, read from Postgres alone by a process
// apart, so that it rises when the relay is dead.
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_LAG_EXPORTER_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_LAG_EXPORTER_H_

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/history/sample_history.h"
#include "outbox-relay/upkeep/wal_budget.h"
#include "outbox-relay/verbs/verbs.h"
#include "prometheus/registry.h"

namespace relay {

// One source, on a thread of its own. Its gauges appear with the first answer (before that a 0
// would be a lie) and keep their last values while the database is away; outbox_database_up is 0
// then.
class LagExporter {
 public:
  // `wal_budget` in bytes, as for WalBudget.
  LagExporter(std::string source, std::string conninfo, int64_t wal_budget,
              prometheus::Registry& registry);
  ~LagExporter();

  // Until a stop.
  absl::Status Run(std::stop_token stop);

  // OK while the last round worked. Thread-safe.
  absl::Status health() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Gauges;

  // One round; answers how long to wait for the next.
  std::chrono::milliseconds Round();
  absl::Status Connect();
  absl::Status Export();

  const std::string source_;
  const std::string conninfo_;
  const WalBudget budget_;
  prometheus::Registry& registry_;
  std::unique_ptr<Gauges> gauges_;

  std::optional<postgres::Connection> connection_;
  SampleHistory samples_;
  Lsn recorded_;  // by a relay, when the connection was made
  Clock::time_point export_at_;
  std::chrono::milliseconds reconnect_pause_{0};

  mutable absl::Mutex mutex_;
  absl::Status health_ ABSL_GUARDED_BY(mutex_) = absl::UnavailableError("not connected yet");
};

void AddLagExporterVerb(Verbs& verbs);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_LAG_EXPORTER_H_
