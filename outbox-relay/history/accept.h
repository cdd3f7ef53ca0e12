// An operator takes responsibility for a history that relays refuse.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HISTORY_ACCEPT_H_
#define ORDER_SAGA_OUTBOX_RELAY_HISTORY_ACCEPT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "outbox-relay/history/state_topic.h"

namespace relay {

struct AcceptOptions {
  std::string conninfo;
  StateTopicOptions topic;
  // Verdict::id of what is accepted; empty: nothing, it is only said what there is.
  std::string finding;
  // Rows up to this `seq` are at Kafka, says the operator; the others are published by healing. -1:
  // nobody knows, and nothing is healed.
  int64_t published_up_to_seq = -1;
};

// Answers what to tell the operator. Accepts nothing but the finding that was named: one that was
// accepted once is of no use for the next. FailedPrecondition: it is another by now, or the slot
// must be made first.
absl::StatusOr<std::string> AcceptHistory(const AcceptOptions& options);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HISTORY_ACCEPT_H_
