// What `doctor` says of a source's history: whether `run` would stream, or stop and ask.
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_HISTORY_CHECK_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_HISTORY_CHECK_H_

#include <string>

#include "libs/postgres/connection.h"
#include "outbox-relay/history/state_topic.h"
#include "outbox-relay/verbs/symptom.h"

namespace relay {

// `database`: the same as `conninfo`'s. Connects for replication, and does not touch the slot. Says
// nothing where a stream could not even be judged (no publication, a slot of somebody else before
// there was a record, a pause): other checks do.
void CheckHistory(postgres::Connection& database, const std::string& conninfo,
                  const StateTopicOptions& topic, Symptoms& symptoms);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_HISTORY_CHECK_H_
