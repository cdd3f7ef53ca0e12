#include "outbox-relay/heal/heal.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/postgres/connection.h"
#include "libs/postgres/quote.h"
#include "libs/postgres/sql_error.h"
#include "libs/telemetry/log.h"
#include "outbox-relay/heal/new_slot.h"
#include "outbox-relay/heal/parked_behind.h"
#include "outbox-relay/heal/republish.h"
#include "outbox-relay/heal/topic_ids.h"
#include "outbox-relay/history/replace_record.h"
#include "outbox-relay/history/state_table.h"
#include "outbox-relay/parking/parked_at_start.h"
#include "outbox-relay/pause/pause_row.h"
#include "outbox-relay/source/slot_turn.h"

namespace relay {
namespace {

int64_t SeqOf(const Evidence& evidence) {
  return evidence.database ? evidence.database->published_up_to_seq : -1;
}

// Which rows count as published, by an operator's word or by a snapshot, and which do not: for the
// cursor, and so that an index (on seq, on tx) finds them.
struct Conditions {
  std::string published, others;
};
Conditions ConditionsOf(const Evidence& evidence, const HistoryRecord& basis) {
  if (const int64_t seq = SeqOf(evidence); seq >= 0) {
    return {absl::StrCat("o.seq <= ", seq), absl::StrCat("(o.seq > ", seq, " OR o.seq IS NULL)")};
  }
  const std::string snapshot =
      absl::StrCat(postgres::QuoteLiteral(basis.snapshot), "::pg_snapshot");
  const std::string published = absl::StrCat("(o.tx < pg_snapshot_xmin(", snapshot,
                                             ") OR pg_visible_in_snapshot(o.tx, ", snapshot, "))");
  return {published, absl::StrCat("(NOT ", published, " OR o.tx IS NULL)")};
}

absl::Status NeedsOutbox(absl::Status error) {
  const std::string state = postgres::SqlState(error);
  if (!absl::IsNotFound(error) && state != "42P01" && state != "42703" && state != "42501") {
    return error;
  }
  return absl::Status(
      error.code(),
      absl::StrCat("healing reads the outbox's rows: ", std::string(error.message()),
                   ". It needs the columns id, aggregateid, type, topic, payload, seq, tx, "
                   "traceparent, headers, created_at, SELECT on them, and the tables that the "
                   "service's `migrate` verb makes"));
}

// What of the past is no longer in the table.
absl::StatusOr<std::string> Gap(postgres::Connection& connection, const std::string& published) {
  auto rows = connection.Execute(absl::StrCat("SELECT EXISTS (SELECT FROM outbox o WHERE ",
                                              published, "), min(seq) FROM outbox"));
  if (!rows.ok()) return NeedsOutbox(rows.status());
  if (rows->Bool(0, 0)) return std::string();
  if (rows->IsNull(0, 1)) {
    return std::string("the outbox is empty: rows that were removed from it, if any");
  }
  if (rows->Int64(0, 1) == 1) return std::string();
  return absl::StrCat("rows with seq below ", rows->Int64(0, 1),
                      ", which are no longer in the outbox: whether each was published");
}

// They are published in the order of `seq`, and told apart by their ids.
absl::Status CheckOrdered(postgres::Connection& connection, const std::string& missing) {
  auto rows = connection.Execute(absl::StrCat("SELECT count(*) FROM outbox o WHERE ", missing,
                                              " AND (o.seq IS NULL OR o.id IS NULL)"));
  if (!rows.ok()) return NeedsOutbox(rows.status());
  if (rows->Int64(0, 0) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "healing: ", rows->Int64(0, 0),
      " rows of the outbox that may not be at Kafka have no seq or no id. Fix: give them some, in "
      "the order in which they were inserted (UPDATE outbox SET seq = … WHERE seq IS NULL), and "
      "make both columns NOT NULL"));
}

absl::StatusOr<std::set<std::string>> TopicsOf(postgres::Connection& connection,
                                               const std::string& missing,
                                               const TopicOffsets& offsets) {
  std::set<std::string> topics;
  for (const auto& [topic, partitions] : offsets) topics.insert(topic);
  auto rows =
      connection.Execute(absl::StrCat("SELECT DISTINCT o.topic FROM outbox o WHERE ", missing));
  if (!rows.ok()) return NeedsOutbox(rows.status());
  for (int i = 0; i < rows->rows(); ++i) {
    if (!rows->IsNull(i, 0)) topics.emplace(rows->Text(i, 0));
  }
  return topics;
}

// One relay at a time, and none on what another has healed meanwhile.
absl::Status TakeTurn(postgres::Connection& lock, const Evidence& evidence) {
  if (absl::Status turn = TakeSlotTurn(lock, evidence.slot.name); !turn.ok()) return turn;
  // `pause` says "no relay streams" where it has found no turn taken.
  auto pause = ReadPause(lock);
  if (!pause.ok()) return pause.status();
  if (pause->has_value()) return absl::CancelledError("paused meanwhile");
  absl::StatusOr<StateRow> row = ReadStateRow(lock, evidence.slot.name);
  if (!row.ok()) return row.status();
  const int64_t before = evidence.database ? evidence.database->generation : 0;
  const int64_t now = row->record ? row->record->generation : 0;
  return now == before ? absl::OkStatus()
                       : absl::AlreadyExistsError("another relay has healed this source");
}

}  // namespace

bool CanHeal(const Evidence& evidence, const Verdict& verdict) {
  return verdict.ok() ? IsHealAsked(evidence) : verdict.basis.has_value();
}

absl::StatusOr<HealReport> Heal(const HealOptions& options, const Evidence& evidence,
                                const Verdict& verdict, ParkingLot& parking, Producer& producer) {
  if (!evidence.topic_read) {
    return absl::UnavailableError("healing waits for Kafka: no broker answers");
  }
  const HistoryRecord& basis = verdict.basis ? *verdict.basis : *evidence.database;
  auto lock = postgres::Connection::Open(options.conninfo, "outbox-relay heal");
  if (!lock.ok()) return lock.status();
  if (absl::Status open = lock->LiftTimeouts(); !open.ok()) return open;
  if (absl::Status turn = TakeTurn(*lock, evidence); !turn.ok()) return turn;
  // Before anything is changed.
  if (absl::Status tables = parked::CheckTables(*lock); !tables.ok()) {
    return absl::IsNotFound(tables) ? NeedsOutbox(tables) : tables;
  }
  const auto [published, others] = ConditionsOf(evidence, basis);
  const std::string missing =
      absl::StrCat(others, " AND NOT EXISTS (SELECT FROM outbox_parked p WHERE p.id = o.id::text)");
  if (absl::Status ordered = CheckOrdered(*lock, missing); !ordered.ok()) return ordered;
  if (absl::Status known = parking.WriteWhatIsKnown(*lock); !known.ok()) return known;
  if (Transaction* const transaction = producer.transaction()) {
    if (absl::Status alone = transaction->ShutOutOthers(options.stop); !alone.ok()) return alone;
  }
  telemetry::Warn(
      "healing from the outbox's rows: making the slot anew (waits for open "
      "transactions of the whole server)",
      {{"source", options.topic.source},
       {"slot", evidence.slot.name},
       {"finding", NameOf(verdict.finding)},
       {"published_up_to", ToString(basis.confirmed)}});
  absl::StatusOr<NewSlot> slot = RecreateSlot(options.conninfo, evidence.slot, options.leave);
  if (!slot.ok()) return slot.status();

  auto reader = postgres::Connection::Open(options.conninfo, "outbox-relay heal");
  if (!reader.ok()) return reader.status();
  if (absl::Status open = reader->LiftTimeouts(); !open.ok()) return open;
  if (absl::Status open = OpenSnapshot(*reader, *slot); !open.ok()) return open;
  auto snapshot = reader->Execute("SELECT pg_current_snapshot()::text");
  if (!snapshot.ok()) return snapshot.status();
  HealReport report;
  absl::StatusOr<std::string> gap = Gap(*reader, published);
  if (!gap.ok()) return gap.status();
  report.cannot_prove = *std::move(gap);
  auto topics = TopicsOf(*reader, missing, basis.offsets);
  if (!topics.ok()) return topics.status();
  auto at_kafka = ReadTopicIds(options.topic.kafka, *topics, basis.offsets, options.leave);
  if (!at_kafka.ok()) return at_kafka.status();
  auto columns = RepublishColumns(*reader);
  if (!columns.ok()) return NeedsOutbox(columns.status());
  absl::Status declared =
      reader->ExecuteScript(absl::StrCat("DECLARE missing NO SCROLL CURSOR FOR SELECT ", *columns,
                                         " FROM outbox o WHERE ", missing, " ORDER BY o.seq"));
  if (!declared.ok()) return NeedsOutbox(declared);
  if (absl::Status ordered = CheckOrdered(*reader, missing); !ordered.ok()) return ordered;
  ParkedBehind parked(*lock, evidence.server.system_id, options.most_keys);
  if (absl::Status loaded = parked.Load(); !loaded.ok()) return loaded;
  Republished counts;
  absl::Status done = Republish({.source = options.topic.source,
                                 .missing_topic_wait = options.missing_topic_wait,
                                 .leave = options.leave},
                                *reader, "missing", *at_kafka, parked, producer, counts);
  if (!done.ok()) return done;
  report.compared = counts.compared;
  report.found = counts.found;
  report.parked = parked.taken();
  report.published = counts.published;

  HistoryRecord record{.source = options.topic.source,
                       .slot = evidence.slot.name,
                       .generation = verdict.next_generation,
                       .system_id = evidence.server.system_id,
                       .timeline = evidence.server.timeline,
                       .confirmed = slot->begin,
                       .publication = evidence.publication,
                       .snapshot = std::string(snapshot->Text(0, 0)),
                       .snapshot_at = slot->begin,
                       .offsets = at_kafka->ends};
  absl::Status stored = ReplaceRecord(*lock, options.topic, record);
  if (!stored.ok()) return stored;
  return report;
}

}  // namespace relay
