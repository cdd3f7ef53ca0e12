// What the parking lot tells people.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKING_LOG_H_
#define ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKING_LOG_H_

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "outbox-relay/parking/park_batch.h"
#include "outbox-relay/parking/parked_keys.h"

namespace relay {

std::string KeyForLog(const ParkedKey& key);
// The keys that the batch opens, of which there is one at least: the first, and how many; and each
// topic that is parked.
void LogParked(const std::string& source, const ParkBatch& batch);
void LogParkedLong(const std::string& source, const ParkedKey& key, std::chrono::seconds age);
// The database has no tables for it.
void LogCannotPark(const std::string& source, const absl::Status& why);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKING_LOG_H_
