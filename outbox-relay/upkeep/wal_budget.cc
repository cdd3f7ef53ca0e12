#include "outbox-relay/upkeep/wal_budget.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "outbox-relay/source/slot_state.h"

namespace relay {
namespace {

constexpr int kThresholds[] = {50, 80, 95};
constexpr int kRearm = 5;

}  // namespace

WalReading WalReadingOf(const SlotReading& slot) {
  return {.retained = slot.retained_bytes,
          .unconfirmed = slot.behind_bytes,
          .server_limit = slot.limit_bytes,
          .safe_left = slot.safe_bytes,
          .active = slot.active_pid.has_value(),
          .lost = slot.wal_status == "lost"};
}

int64_t WalBudget::BudgetFor(const WalReading& reading) const {
  if (setting_ == 0) return reading.server_limit > 0 ? reading.server_limit : kDefault;
  return reading.server_limit > 0 ? std::min(setting_, reading.server_limit) : setting_;
}

double WalBudget::UsedRatio(const WalReading& reading) const {
  const double retained = static_cast<double>(std::max<int64_t>(reading.retained, 0));
  double ratio = retained / static_cast<double>(BudgetFor(reading));
  if (reading.safe_left && retained > 0) {
    const double left = static_cast<double>(std::max<int64_t>(*reading.safe_left, 0));
    ratio = std::max(ratio, retained / (retained + left));
  }
  return reading.lost ? std::max(ratio, 1.0) : ratio;
}

int WalBudget::Cross(double used_ratio) {
  int level = 0;
  for (const int threshold : kThresholds) {
    const int needed = threshold <= level_ ? threshold - kRearm : threshold;
    if (used_ratio * 100 >= needed) level = threshold;
  }
  const bool crossed = level > level_;
  level_ = level;
  return crossed ? level : 0;
}

std::string WalAdvice(const WalReading& reading) {
  if (reading.lost) {
    return absl::StrCat("the slot is lost: ", kSlotGoneFix);
  }
  if (!reading.active) {
    return "no relay streams from this slot: the log says why; a slot that nobody needs any more "
           "is dropped by pg_drop_replication_slot";
  }
  if (reading.unconfirmed > reading.retained / 2) {
    return "events do not get to Kafka as fast as they come: look at Kafka, and at "
           "outbox_unpublished_events; meanwhile raise max_slot_wal_keep_size, if the disk has "
           "room";
  }
  return "the slot has to read from where the oldest open transaction of the server began: end "
         "that (SELECT pid, xact_start, query FROM pg_stat_activity ORDER BY xact_start; look into "
         "pg_prepared_xacts too). If none is old, much was written in a few seconds: that passes";
}

}  // namespace relay
