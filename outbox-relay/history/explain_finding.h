// What a person is told when a source stops because its history is another.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HISTORY_EXPLAIN_FINDING_H_
#define ORDER_SAGA_OUTBOX_RELAY_HISTORY_EXPLAIN_FINDING_H_

#include <string_view>

#include "absl/status/status.h"
#include "outbox-relay/history/verdict.h"

namespace relay {

// DataLoss: what was found, and the choices. `verdict` is not ok().
absl::Status ExplainFinding(const Verdict& verdict, std::string_view source);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HISTORY_EXPLAIN_FINDING_H_
