#include "outbox-relay/parking/parking_log.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/telemetry/log.h"
#include "libs/telemetry/traceparent.h"

namespace relay {

void LogParked(const std::string& source, const ParkBatch& batch) {
  const ParkedKey& key = *batch.openings.front();
  const auto poison = std::find(batch.ids.begin(), batch.ids.end(), key.poison_id);
  const std::string trace = poison == batch.ids.end()
                                ? std::string()
                                : batch.traceparents[poison - batch.ids.begin()].value_or("");
  telemetry::Error(
      "Kafka refuses an event: it is parked, with what follows of its key",
      {{"source", source},
       {"event_id", key.poison_id},
       {"topic", key.topic},
       {"key", key.name.substr(1)},
       {"trace_id", telemetry::TraceIdIn(trace)},
       {"error", key.refusal->reason},
       {"fix", key.refusal->missing_topic
                   ? absl::StrCat(key.refusal->fix, "; then it flows by itself")
                   : absl::StrCat(key.refusal->fix, "; then outbox-relay parked release")},
       {"keys", batch.openings.size()}});
}

void LogParkedLong(const std::string& source, const ParkedKey& key, std::chrono::seconds age) {
  telemetry::Error(
      "a key has been parked for long: consumers that forget ids after some days will refuse its "
      "events as too old",
      {{"source", source},
       {"topic", key.topic},
       {"key", key.name.substr(1)},
       {"parked_hours", age / std::chrono::hours(1)},
       {"error", key.refusal->reason},
       {"fix",
        absl::StrCat(key.refusal->fix, "; then outbox-relay parked release, or parked drop")}});
}

void LogReleasesWait(const std::string& source, int64_t keys) {
  telemetry::Warn(
      "keys that are released wait: some of their events are parked behind the one that waits for "
      "room, and come by again",
      {{"source", source},
       {"keys", keys},
       {"fix", "if none of the others makes room: start with a larger --max_parked_keys"}});
}

void LogCannotPark(const std::string& source, const absl::Status& why) {
  telemetry::Warn(
      "events cannot be parked: one that Kafka refuses will stop this source",
      {{"source", source},
       {"error", std::string(why.message())},
       {"fix", "the service's `migrate` verb makes outbox_parked and grants this role its use"}});
}

}  // namespace relay
