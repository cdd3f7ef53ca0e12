// The verb `run`: relays until SIGTERM.
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_RUN_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_RUN_H_

#include "outbox-relay/verbs/verbs.h"

namespace relay {

void AddRunVerb(Verbs& verbs);
// Of `run`, or of `lag-exporter`, which listens elsewhere.
void AddHealthcheckVerb(Verbs& verbs);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_RUN_H_
