// The verbs `pause` and `resume`: a row in the source's database, which no takeover and no restart
// forgets.
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_PAUSE_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_PAUSE_H_

#include "outbox-relay/verbs/verbs.h"

namespace relay {

void AddPauseVerbs(Verbs& verbs);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_PAUSE_H_
