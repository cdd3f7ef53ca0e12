// Healing and parked keys: their rows are not published, they go among what is parked, by `seq`, so
// that a release puts all of it into the topic in order.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HEAL_PARKED_BEHIND_H_
#define ORDER_SAGA_OUTBOX_RELAY_HEAL_PARKED_BEHIND_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/parking/park_batch.h"
#include "outbox-relay/parking/parked_keys.h"
#include "outbox-relay/sink/publish_failure.h"
#include "outbox-relay/source/event.h"

namespace relay {

// Collects in memory; only Flush writes, and is to be called when full(). What was written stays
// written when healing breaks off, and is not looked at again by the next. Not thread-safe.
class ParkedBehind {
 public:
  // `connection` must outlive it, and be in no transaction. `system_id`: the server's.
  // `most_keys`: see ParkingOptions.
  ParkedBehind(postgres::Connection& connection, std::string system_id, size_t most_keys);

  // What is parked. Once, first; nobody else can park from then on.
  absl::Status Load();

  // Whether the row, the next in the order of `seq`, may not be published; then it is taken.
  bool Take(const Event& event, int64_t seq);
  // Takes a row that cannot be published; its key is parked from here on.
  void TakePoison(const Event& event, int64_t seq, const PublishFailure& why);

  bool full() const { return batch_.full(); }
  // Everything that was published before has to be at Kafka: what is parked is not looked at again,
  // and a row in front of it that got lost would come behind it. Waits. FailedPrecondition,
  // Aborted: healing has to start over.
  absl::Status Flush();

  int64_t taken() const { return taken_; }

 private:
  void Add(const Event& event, int64_t seq);

  postgres::Connection& connection_;
  const std::string system_id_;
  ParkedKeys keys_;
  ParkBatch batch_;
  int64_t taken_ = 0;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HEAL_PARKED_BEHIND_H_
