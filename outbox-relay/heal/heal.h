// Heals a source whose slot or history was lost: from the outbox's rows.
//
// A new slot brings the snapshot at which its stream begins. Rows that are visible in it, but not
// in the last snapshot that was recorded as published, are compared with the ids read back from the
// topics; what is not there is published, in the order of `seq`, or parked, if its key is. Then the
// new slot's position is recorded as a new generation, and its stream goes on. Killed in the middle
// it starts over: the record is the old one until the end, and what was published meanwhile is
// found in the topics.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HEAL_HEAL_H_
#define ORDER_SAGA_OUTBOX_RELAY_HEAL_HEAL_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "outbox-relay/history/state_topic.h"
#include "outbox-relay/history/verdict.h"
#include "outbox-relay/parking/parking_lot.h"
#include "outbox-relay/sink/producer.h"

namespace relay {

struct HealOptions {
  std::string conninfo;
  StateTopicOptions topic;
  std::chrono::milliseconds missing_topic_wait{0};
  size_t most_keys = SIZE_MAX;  // see ParkingOptions
  std::stop_token stop;
  // Whether to leave off, for a stop or a pause: asked several times a second.
  std::function<bool()> leave;
};

struct HealReport {
  int64_t compared = 0;
  int64_t found = 0;      // of these, at Kafka already
  int64_t parked = 0;     // put behind what is parked of their keys
  int64_t published = 0;  // the others
  // Empty if the outbox's rows reach back to what was recorded; else what cannot be known.
  std::string cannot_prove;
};

// Whether it can be done: there is a snapshot that counts, or an operator has said from which row
// on.
bool CanHeal(const Evidence& evidence, const Verdict& verdict);

// Uses `producer` alone; nothing else may be on its way in it. Writes the list of `parking`.
// AlreadyExists: another relay is healing, or has healed. FailedPrecondition and NotFound:
// something must be put right first. Aborted: Kafka refused an event, which the producer's failure
// names, or another relay was faster. Unavailable: Postgres or Kafka does not answer. Cancelled: it
// had to leave off. Whatever the error, it may be tried again.
absl::StatusOr<HealReport> Heal(const HealOptions& options, const Evidence& evidence,
                                const Verdict& verdict, ParkingLot& parking, Producer& producer);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HEAL_HEAL_H_
