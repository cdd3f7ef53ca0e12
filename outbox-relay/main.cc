// outbox-relay: committed outbox rows into Kafka, in commit order, none lost.
#include "libs/service/flags.h"
#include "outbox-relay/verbs/accept_history.h"
#include "outbox-relay/verbs/doctor.h"
#include "outbox-relay/verbs/lag_exporter.h"
#include "outbox-relay/verbs/parked.h"
#include "outbox-relay/verbs/pause.h"
#include "outbox-relay/verbs/run.h"
#include "outbox-relay/verbs/setup.h"
#include "outbox-relay/verbs/status.h"
#include "outbox-relay/verbs/verbs.h"

int main(int argc, char** argv) {
  service::Flags flags("outbox-relay", ORDER_SAGA_VERSION,
                       "Publishes committed outbox rows to Kafka, from the write-ahead log.");
  relay::Verbs verbs(flags);
  relay::AddRunVerb(verbs);  // first: what runs when no verb is given
  relay::AddHealthcheckVerb(verbs);
  relay::AddDoctorVerb(verbs);
  relay::AddStatusVerb(verbs);
  relay::AddPauseVerbs(verbs);
  relay::AddSetupVerbs(verbs);
  relay::AddLagExporterVerb(verbs);
  relay::AddAcceptHistoryVerb(verbs);
  relay::AddParkedVerbs(verbs);
  return verbs.Run(argc, argv);
}
