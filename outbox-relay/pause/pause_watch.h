// Sees that a source gets paused or resumed, and, by the same question, that its database answers
// and how far its log has come: for health/.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PAUSE_PAUSE_WATCH_H_
#define ORDER_SAGA_OUTBOX_RELAY_PAUSE_PAUSE_WATCH_H_

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/source_state.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"

namespace relay {

// A thread and a connection of its own, which sleeps until Postgres notifies it: counting a large
// backlog, as the other watch does, must not delay a resume. While the database is away the last
// answer stands.
class PauseWatch {
 public:
  // Registers outbox_relay_paused{source="NAME"}.
  PauseWatch(std::string name, std::string conninfo, prometheus::Registry& registry,
             SourceState& state);

  // Until a stop.
  absl::Status Run(std::stop_token stop);

 private:
  absl::Status Connect();
  absl::Status Read();
  // Until a notification, `stop_fd` or the next look without one.
  absl::Status Wait(int stop_fd);

  const std::string name_;
  const std::string conninfo_;
  SourceState& state_;
  prometheus::Gauge& paused_;
  std::optional<postgres::Connection> connection_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_PAUSE_PAUSE_WATCH_H_
