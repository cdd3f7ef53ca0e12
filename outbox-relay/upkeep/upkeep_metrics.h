// What the upkeep of one source measures.
#ifndef ORDER_SAGA_OUTBOX_RELAY_UPKEEP_UPKEEP_METRICS_H_
#define ORDER_SAGA_OUTBOX_RELAY_UPKEEP_UPKEEP_METRICS_H_

#include <string>

#include "prometheus/gauge.h"
#include "prometheus/registry.h"

namespace relay {

// Thread-safe. Each carries the label source="NAME"; nothing is exported before it was measured.
class UpkeepMetrics {
 public:
  UpkeepMetrics(prometheus::Registry& registry, std::string source)
      : registry_(registry), source_(std::move(source)) {}

  void SetFuturePartitions(int64_t days) const;
  void SetDefaultRows(int64_t rows) const;
  void SetTableBytes(int64_t bytes) const;
  void SetLastRotationNow() const;
  void SetWalBudget(int64_t bytes, double used_ratio) const;
  void SetSafeWal(int64_t bytes) const;

 private:
  void Set(const char* name, const char* help, double value) const;

  prometheus::Registry& registry_;
  const std::string source_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_UPKEEP_UPKEEP_METRICS_H_
