// The verbs `parked list`, `parked release` and `parked drop`: what is done about events that Kafka
// refuses.
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_PARKED_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_PARKED_H_

#include "outbox-relay/verbs/verbs.h"

namespace relay {

void AddParkedVerbs(Verbs& verbs);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_PARKED_H_
