// What has to be waited for once a stream has started: its server cuts off whom it does not hear.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_WHILE_ANSWERING_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_WHILE_ANSWERING_H_

#include <stop_token>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "outbox-relay/source/replication_stream.h"

namespace relay {

// Runs `work` on a thread of its own, and meanwhile says on this one that we live, confirming
// nothing. `work` is asked to stop once `leave` says so (asked twice a second) or the stream is
// lost; it is waited for in any case. Answers what it has answered; else why the stream is lost.
absl::Status WhileAnswering(ReplicationStream& stream, absl::FunctionRef<bool()> leave,
                            absl::FunctionRef<absl::Status(std::stop_token)> work);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_WHILE_ANSWERING_H_
