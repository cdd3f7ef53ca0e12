// Says why a source is not streamed: once, and again after a while.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SESSION_REPORT_H_
#define ORDER_SAGA_OUTBOX_RELAY_SESSION_REPORT_H_

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "outbox-relay/session_end.h"

namespace relay {

// Not thread-safe.
class SessionReport {
 public:
  explicit SessionReport(std::string source_name) : source_name_(std::move(source_name)) {}

  // Logs it, unless that was just said; a pause is said by who watches it. Answers what /readyz
  // says: OK for one that waits as standby, or is paused.
  absl::Status Say(const SessionEnd& ended);
  // It is streamed: what comes next is news.
  void OnStreaming() { said_.clear(); }

 private:
  const std::string source_name_;
  std::string said_;
  std::chrono::steady_clock::time_point said_at_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SESSION_REPORT_H_
