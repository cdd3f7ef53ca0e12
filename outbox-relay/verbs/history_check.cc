#include "outbox-relay/verbs/history_check.h"

#include <chrono>

#include "outbox-relay/history/gather.h"
#include "outbox-relay/source/replication_stream.h"
#include "outbox-relay/source/slot_turn.h"

namespace relay {
namespace {

constexpr std::chrono::seconds kKafka(5);

}  // namespace

void CheckHistory(postgres::Connection& database, const std::string& conninfo,
                  const StateTopicOptions& topic, Symptoms& symptoms) {
  const auto stream = ReplicationStream::Connect({.conninfo = conninfo});
  if (absl::IsAlreadyExists(stream.status())) {
    return symptoms.Ok("history", "a relay streams, and has compared it");
  }
  if (!stream.ok() || (*stream)->paused()) return;
  const absl::StatusOr<bool> taken = IsSlotTurnTaken(database, (*stream)->slot());
  if (!taken.ok()) return symptoms.FailBy("history", taken.status());
  if (*taken) {
    return symptoms.Warn("history", "a relay is healing, or `setup` is making the slot",
                         "none needed: look again when that is over");
  }
  const absl::StatusOr<Evidence> evidence = GatherEvidence(**stream, topic, kKafka);
  if (!evidence.ok()) return symptoms.FailBy("history", evidence.status());
  const Verdict verdict = Judge(*evidence);
  if (verdict.ok() ? IsHealAsked(*evidence) : MayBeHealUnderWay(*evidence, verdict)) {
    return symptoms.Warn("history",
                         "an operator has said up to which row all is at Kafka, and the others are "
                         "still to be published by healing",
                         "start the relay: it does so before it streams");
  }
  if (!verdict.ok()) {
    return symptoms.Fail("history", verdict.what,
                         "outbox-relay accept-history names the choices: the right server, healing "
                         "from the outbox's rows, or to accept that events may be missing");
  }
  if (!evidence->topic_read) {
    return symptoms.Warn("history", "Kafka's copy of the recorded position cannot be read",
                         "see kafka below; until then no position is confirmed");
  }
  symptoms.Ok("history", verdict.finding == Finding::kFirst
                             ? "no relay has recorded a position yet"
                             : "server, slot and publication are as relays have left them");
}

}  // namespace relay
