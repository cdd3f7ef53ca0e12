#include "outbox-relay/history/accept.h"

#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/postgres/connection.h"
#include "libs/postgres/quote.h"
#include "outbox-relay/history/explain_finding.h"
#include "outbox-relay/history/gather.h"
#include "outbox-relay/history/replace_record.h"
#include "outbox-relay/source/replication_stream.h"
#include "outbox-relay/source/slot_turn.h"

namespace relay {
namespace {

constexpr std::chrono::seconds kKafka(10);

// What stands in the place of the old record.
absl::StatusOr<HistoryRecord> NewRecord(postgres::Connection& connection,
                                        const AcceptOptions& options, const Evidence& evidence,
                                        const Verdict& verdict) {
  HistoryRecord record{.source = options.topic.source,
                       .slot = evidence.slot.name,
                       .generation = verdict.next_generation,
                       .system_id = evidence.server.system_id,
                       .timeline = evidence.server.timeline,
                       .confirmed = evidence.slot.confirmed};
  record.publication = evidence.publication;
  record.published_up_to_seq = options.published_up_to_seq;
  // Kafka's partitions are the same as before.
  if (evidence.topic) record.offsets = evidence.topic->offsets;
  if (evidence.database) record.offsets = evidence.database->offsets;
  // Once the slot has been streamed up to here, all that is visible now counts as published.
  auto now =
      connection.Execute("SELECT pg_current_snapshot()::text, pg_current_wal_insert_lsn()::text");
  if (!now.ok()) return now.status();
  absl::StatusOr<Lsn> at = ParseLsn(now->Text(0, 1));
  if (!at.ok()) return at.status();
  record.samples.emplace_back(now->Text(0, 0), *at);
  return record;
}

}  // namespace

absl::StatusOr<std::string> AcceptHistory(const AcceptOptions& options) {
  auto stream = ReplicationStream::Connect({.conninfo = options.conninfo});
  if (absl::IsAlreadyExists(stream.status())) {
    return absl::StrCat(options.topic.source,
                        ": a relay is streaming, so there is nothing to accept.");
  }
  if (!stream.ok()) return stream.status();
  if ((*stream)->paused()) {
    return absl::FailedPreconditionError(
        "the source is paused. Fix: outbox-relay resume, then look again");
  }
  absl::StatusOr<Evidence> evidence = GatherEvidence(**stream, options.topic, kKafka);
  if (!evidence.ok()) return evidence.status();
  if (!evidence->topic_read) {
    return absl::UnavailableError(absl::StrCat(
        "no Kafka broker answers: the copy of the position in the topic ", options.topic.topic,
        " is part of what is to be judged. Fix: check --kafka_brokers, or wait until Kafka is "
        "back"));
  }
  const Verdict verdict = Judge(*evidence);
  if (verdict.ok())
    return absl::StrCat(options.topic.source,
                        ": server and slot are as relays have left them, so there is nothing to "
                        "accept.");
  if (options.finding.empty()) {
    return std::string(ExplainFinding(verdict, options.topic.source).message());
  }
  if (options.finding != verdict.id) {
    return absl::FailedPreconditionError(absl::StrCat(
        "what there is to accept is not (or no longer) the finding ", options.finding,
        ". Now: ", std::string(ExplainFinding(verdict, options.topic.source).message())));
  }
  if (evidence->slot.lost || !evidence->slot.ours()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "a gap is accepted once there is a slot to go on with. Fix: make it anew (SELECT "
        "pg_drop_replication_slot(",
        postgres::QuoteLiteral(evidence->slot.name), "), if it is there; ",
        evidence->slot.create_sql, "), then run this again: it names the next finding"));
  }
  if (absl::Status usable = CheckSlotState(evidence->slot); !usable.ok()) return usable;
  auto connection = postgres::Connection::Open(options.conninfo, "outbox-relay accept-history");
  if (!connection.ok()) return connection.status();
  // One that heals would end in the same generation.
  if (absl::Status turn = TakeSlotTurn(*connection, evidence->slot.name); !turn.ok()) return turn;
  absl::StatusOr<HistoryRecord> record = NewRecord(*connection, options, *evidence, verdict);
  if (!record.ok()) return record.status();
  if (absl::Status stored = ReplaceRecord(*connection, options.topic, *record); !stored.ok())
    return stored;
  return absl::StrCat("Accepted (", NameOf(verdict.finding), "): ", verdict.what,
                      ". Relays go on behind ", ToString(record->confirmed),
                      options.published_up_to_seq < 0
                          ? ", and send nothing from before it."
                          : absl::StrCat(", once they have published the outbox's rows with seq > ",
                                         options.published_up_to_seq, "."));
}

}  // namespace relay
