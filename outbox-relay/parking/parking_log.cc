#include "outbox-relay/parking/parking_log.h"

#include <algorithm>
#include <memory>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "libs/telemetry/log.h"
#include "libs/telemetry/traceparent.h"

namespace relay {

namespace {

void LogOpened(const std::string& source, const ParkBatch& batch, const ParkedKey& key,
               size_t keys) {
  const auto poison = std::find(batch.ids.begin(), batch.ids.end(), key.poison_id);
  const std::string trace = poison == batch.ids.end()
                                ? std::string()
                                : batch.traceparents[poison - batch.ids.begin()].value_or("");
  const std::string_view then = key.refusal->missing_topic ? "; then it flows by itself"
                                                           : "; then outbox-relay parked release";
  telemetry::Error(
      key.is_topic() ? "Kafka refuses an event, and no more keys may be parked: it is parked with "
                       "all that follows in its topic"
                     : "Kafka refuses an event: it is parked, with what follows of its key",
      {{"source", source},
       {"event_id", key.poison_id},
       {"topic", key.topic},
       {"key", KeyForLog(key)},
       {"trace_id", telemetry::TraceIdIn(trace)},
       {"error", key.refusal->reason},
       {"fix", absl::StrCat(key.refusal->fix, std::string(then))},
       {"keys", keys}});
}

}  // namespace

std::string KeyForLog(const ParkedKey& key) {
  return key.is_topic() ? "(all others of the topic)" : key.name.substr(1);
}

void LogParked(const std::string& source, const ParkBatch& batch) {
  const ParkedKey* first = nullptr;
  size_t keys = 0;
  for (const std::shared_ptr<ParkedKey>& key : batch.openings) {
    if (key->is_topic()) {
      LogOpened(source, batch, *key, 1);
    } else {
      if (first == nullptr) first = key.get();
      ++keys;
    }
  }
  if (first != nullptr) LogOpened(source, batch, *first, keys);
}

void LogParkedLong(const std::string& source, const ParkedKey& key, std::chrono::seconds age) {
  telemetry::Error(
      "a key has been parked for long: consumers that forget ids after some days will refuse its "
      "events as too old",
      {{"source", source},
       {"topic", key.topic},
       {"key", KeyForLog(key)},
       {"parked_hours", age / std::chrono::hours(1)},
       {"error", key.refusal->reason},
       {"fix",
        absl::StrCat(key.refusal->fix, "; then outbox-relay parked release, or parked drop")}});
}

void LogCannotPark(const std::string& source, const absl::Status& why) {
  telemetry::Warn(
      "events cannot be parked: one that Kafka refuses will stop this source",
      {{"source", source},
       {"error", std::string(why.message())},
       {"fix", "the service's `migrate` verb makes outbox_parked and grants this role its use"}});
}

}  // namespace relay
