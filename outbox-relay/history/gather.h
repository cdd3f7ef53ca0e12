// Asks the server, the database and Kafka what there is to judge.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HISTORY_GATHER_H_
#define ORDER_SAGA_OUTBOX_RELAY_HISTORY_GATHER_H_

#include <chrono>

#include "absl/status/statusor.h"
#include "outbox-relay/history/state_topic.h"
#include "outbox-relay/history/verdict.h"
#include "outbox-relay/source/replication_stream.h"

namespace relay {

// `stream` is connected and not started. Waits at most `timeout` for Kafka; if that does not answer
// the evidence says so.
absl::StatusOr<Evidence> GatherEvidence(ReplicationStream& stream, const StateTopicOptions& topic,
                                        std::chrono::milliseconds timeout);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HISTORY_GATHER_H_
