// How much of the write-ahead log that Postgres may keep for the slot is used up.
#ifndef ORDER_SAGA_OUTBOX_RELAY_UPKEEP_WAL_BUDGET_H_
#define ORDER_SAGA_OUTBOX_RELAY_UPKEEP_WAL_BUDGET_H_

#include <cstdint>
#include <optional>
#include <string>

#include "outbox-relay/watch/outbox_reading.h"

namespace relay {

// What the server says of the slot. Bytes.
struct WalReading {
  int64_t retained = 0;              // from the slot's restart_lsn to the end of the log
  int64_t unconfirmed = 0;           // from what the relay has confirmed to the end of the log
  int64_t server_limit = 0;          // max_slot_wal_keep_size; 0: none
  std::optional<int64_t> safe_left;  // what may be written until the slot may be lost
  bool active = false;               // some relay streams
  bool lost = false;
};

WalReading WalReadingOf(const SlotReading& slot);

// Not thread-safe.
class WalBudget {
 public:
  // `setting` in bytes; 0: the server's limit, or kDefault where it has none. A setting above the
  // server's limit counts as that.
  explicit WalBudget(int64_t setting) : setting_(setting) {}

  int64_t BudgetFor(const WalReading& reading) const;
  // 0 to 1, and above when it is overdrawn. What the server says to be left counts as well: it
  // rounds to whole segments.
  double UsedRatio(const WalReading& reading) const;

  // The threshold in percent (50, 80, 95) that this ratio crosses from below, the highest of
  // several; 0 if none. One that was crossed counts again only after the ratio was 5 points below.
  int Cross(double used_ratio);

  static constexpr int64_t kDefault = int64_t{10} << 30;

 private:
  const int64_t setting_;
  int level_ = 0;
};

// What keeps the log, and what to do about it.
std::string WalAdvice(const WalReading& reading);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_UPKEEP_WAL_BUDGET_H_
