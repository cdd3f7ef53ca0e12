// What keeps a source database from filling up: the outbox's old partitions go, and the
// write-ahead log that Postgres keeps for the slot has a budget.
#ifndef ORDER_SAGA_OUTBOX_RELAY_UPKEEP_UPKEEP_H_
#define ORDER_SAGA_OUTBOX_RELAY_UPKEEP_UPKEEP_H_

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "libs/postgres/connection.h"
#include "libs/service/flags.h"
#include "outbox-relay/source_state.h"
#include "outbox-relay/upkeep/hook.h"
#include "outbox-relay/upkeep/rotation.h"
#include "outbox-relay/upkeep/upkeep_metrics.h"
#include "outbox-relay/upkeep/wal_budget.h"

namespace relay {

struct UpkeepConfig {
  int outbox_retention_days = 3;  // 0: for ever
  int wal_budget_mb = 0;          // 0: the server's max_slot_wal_keep_size, or 10 GiB
  std::string wal_budget_hook;
  std::chrono::seconds wal_budget_hook_timeout{30};
};

// --wal_budget_mb. `wal_budget_mb` must outlive the parse.
void AddWalBudgetFlag(service::Verb& verb, int* wal_budget_mb);
// All of them. `config` must outlive the parse.
void AddUpkeepFlags(service::Verb& run, UpkeepConfig* config);

// A thread of its own: whatever takes long here does not touch the stream.
class Upkeep {
 public:
  // `registry` and `state` are not owned. Of `state` it reads what this relay has at Kafka.
  Upkeep(std::string name, std::string conninfo, const UpkeepConfig& config,
         prometheus::Registry& registry, const SourceState& state);

  // Until a stop.
  absl::Status Run(std::stop_token stop);

 private:
  // One round; answers how long to wait for the next.
  std::chrono::milliseconds Round();
  absl::Status Connect();
  absl::Status Turn();
  // How the slot stands; what it has confirmed.
  absl::StatusOr<Lsn> WatchWal();
  void Report(const WalReading& reading, const std::string& slot, int threshold);

  const std::string name_;
  const std::string conninfo_;
  const SourceState& state_;
  const UpkeepMetrics metrics_;
  Rotation rotation_;
  WalBudget budget_;
  Hook hook_;

  std::optional<postgres::Connection> connection_;
  std::chrono::milliseconds reconnect_pause_{0};
  std::string reported_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_UPKEEP_UPKEEP_H_
