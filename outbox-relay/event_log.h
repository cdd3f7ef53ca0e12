// Lines about one event, with the trace that it belongs to.
#ifndef ORDER_SAGA_OUTBOX_RELAY_EVENT_LOG_H_
#define ORDER_SAGA_OUTBOX_RELAY_EVENT_LOG_H_

#include <string>

#include "absl/status/status.h"
#include "libs/telemetry/log.h"
#include "libs/telemetry/traceparent.h"
#include "outbox-relay/source/event.h"

namespace relay {

// The event goes to Kafka, for those who debug. Costs one relaxed load unless the level is debug.
inline void LogSent(const std::string& source, const Event& event) {
  if (!telemetry::LogEnabled(telemetry::Level::kDebug)) return;
  telemetry::Debug("event goes to Kafka", {{"source", source},
                                           {"event_id", event.id},
                                           {"topic", event.topic},
                                           {"key", event.aggregate_id.value_or("")},
                                           {"trace_id", telemetry::TraceIdIn(event.traceparent)}});
}

inline void LogWaits(telemetry::Level level, const std::string& source, const Event& event,
                     const absl::Status& answer) {
  telemetry::Log(level,
                 absl::IsUnavailable(answer)
                     ? "an event waits for Kafka, and everything behind it"
                     : "an event waits for its topic, and everything behind it",
                 {{"source", source},
                  {"event_id", event.id},
                  {"topic", event.topic},
                  {"trace_id", telemetry::TraceIdIn(event.traceparent)},
                  {"error", std::string(answer.message())}});
}

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_EVENT_LOG_H_
