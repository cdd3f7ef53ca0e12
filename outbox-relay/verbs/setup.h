// The verbs `setup` and `teardown`: publication, slot and, if asked for, the table, in a database
// that no `migrate` of ours prepares.
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_SETUP_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_SETUP_H_

#include "outbox-relay/verbs/verbs.h"

namespace relay {

void AddSetupVerbs(Verbs& verbs);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_SETUP_H_
