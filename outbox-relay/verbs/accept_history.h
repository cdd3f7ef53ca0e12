// The verb `accept-history`: an operator accepts what relays have refused.
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_ACCEPT_HISTORY_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_ACCEPT_HISTORY_H_

#include "outbox-relay/verbs/verbs.h"

namespace relay {

void AddAcceptHistoryVerb(Verbs& verbs);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_ACCEPT_HISTORY_H_
