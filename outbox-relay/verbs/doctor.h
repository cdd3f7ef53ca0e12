// The verb `doctor`: what is wrong with the sources and with Kafka, and what to do about it.
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_DOCTOR_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_DOCTOR_H_

#include "outbox-relay/verbs/verbs.h"

namespace relay {

void AddDoctorVerb(Verbs& verbs);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_DOCTOR_H_
