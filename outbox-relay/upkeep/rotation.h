// The outbox's partitions: made ahead, emptied when their retention is over and Kafka has them,
// dropped later. The functions that do it are the owner's (libs/outbox/migrations); this calls them
// when it is time, and again when a lock was not to be had.
#ifndef ORDER_SAGA_OUTBOX_RELAY_UPKEEP_ROTATION_H_
#define ORDER_SAGA_OUTBOX_RELAY_UPKEEP_ROTATION_H_

#include <chrono>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/history/sample_history.h"
#include "outbox-relay/source/lsn.h"
#include "outbox-relay/upkeep/upkeep_metrics.h"

namespace relay {

// Not thread-safe.
class Rotation {
 public:
  // `retention_days`: 0 keeps everything for ever.
  Rotation(std::string source, int retention_days, const UpkeepMetrics& metrics);

  // What is due now; to be called about once a second. `confirmed`: what this relay itself has at
  // Kafka and the slot has confirmed; 0/0 while another relay streams. An error means that the
  // connection is of no more use; everything else is logged.
  absl::Status Turn(postgres::Connection& connection, Lsn confirmed);

  // After a reconnect the server may be another.
  void Forget() { sample_.reset(); }

 private:
  using Clock = std::chrono::steady_clock;

  absl::Status MakeAhead(postgres::Connection& connection);
  absl::Status BeginRound(postgres::Connection& connection);
  absl::Status DropOldest(postgres::Connection& connection);
  absl::Status EmptyOldest(postgres::Connection& connection);
  absl::Status ReadState(postgres::Connection& connection);
  // When the next attempt is due after `status`, and a line in the log if it is worth one.
  Clock::time_point After(const absl::Status& status, const char* what, int& failures);

  const std::string source_;
  const int retention_days_;
  const UpkeepMetrics& metrics_;

  Clock::time_point make_at_, rotate_at_, state_at_;
  int make_failures_ = 0, rotate_failures_ = 0;
  // Of the round under way: everything before it must be confirmed.
  std::optional<SampleHistory::Sample> sample_;
  bool dropped_ = false;  // this round has dropped what was empty at its start
  std::string held_;      // as it was reported
  int held_turns_ = 0;
  Clock::time_point few_reported_, default_reported_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_UPKEEP_ROTATION_H_
