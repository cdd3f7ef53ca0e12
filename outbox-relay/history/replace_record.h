// Begins a new generation of a source's record.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HISTORY_REPLACE_RECORD_H_
#define ORDER_SAGA_OUTBOX_RELAY_HISTORY_REPLACE_RECORD_H_

#include "absl/status/status.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/history/record.h"
#include "outbox-relay/history/state_topic.h"

namespace relay {

// First the database's row, which decides; then the topic's copy, if Kafka takes it within seconds
// (an older one counts no more). Aborted: somebody else was faster.
absl::Status ReplaceRecord(postgres::Connection& connection, const StateTopicOptions& topic,
                           const HistoryRecord& record);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HISTORY_REPLACE_RECORD_H_
