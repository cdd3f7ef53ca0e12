#include "outbox-relay/upkeep/upkeep_metrics.h"

#include <chrono>

namespace relay {

void UpkeepMetrics::Set(const char* name, const char* help, double value) const {
  prometheus::BuildGauge()
      .Name(name)
      .Help(help)
      .Register(registry_)
      .Add({{"source", source_}})
      .Set(value);
}

void UpkeepMetrics::SetFuturePartitions(int64_t days) const {
  Set("outbox_future_partitions", "Days after today for which the outbox has a partition.",
      static_cast<double>(days));
}

void UpkeepMetrics::SetDefaultRows(int64_t rows) const {
  Set("outbox_default_partition_rows",
      "Rows in the outbox's DEFAULT partition, which takes ids of no day; counted to 1000.",
      static_cast<double>(rows));
}

void UpkeepMetrics::SetTableBytes(int64_t bytes) const {
  Set("outbox_table_bytes", "What the outbox takes on disk, with its indexes.",
      static_cast<double>(bytes));
}

void UpkeepMetrics::SetLastRotationNow() const {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  Set("outbox_last_rotation_timestamp_seconds",
      "When this relay last made, emptied and dropped partitions as far as was due, as Unix time.",
      std::chrono::duration<double>(now).count());
}

void UpkeepMetrics::SetWalBudget(int64_t bytes, double used_ratio) const {
  Set("outbox_wal_budget_bytes", "Write-ahead log that Postgres may keep for the slot.",
      static_cast<double>(bytes));
  Set("outbox_wal_budget_used_ratio", "How much of it is kept; at 1 the slot may be lost.",
      used_ratio);
}

void UpkeepMetrics::SetSafeWal(int64_t bytes) const {
  Set("outbox_slot_safe_wal_bytes",
      "What may still be written until Postgres may give the slot up (max_slot_wal_keep_size).",
      static_cast<double>(bytes));
}

}  // namespace relay
