#include "outbox-relay/history/verdict.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "outbox-relay/source/timeline_history.h"
#include "outbox-relay/stable_hash.h"

namespace relay {
namespace {

struct Found {
  Finding finding = Finding::kSame;
  std::string what;
};

// Of one record against the server.
Found CheckIdentity(const HistoryRecord& record, const WalIdentity& server) {
  if (record.system_id != server.system_id) {
    return {Finding::kOtherSystem,
            absl::StrCat("Postgres is another cluster than before: system identifier ",
                         server.system_id, ", not ", record.system_id,
                         " (a restored dump, or a wrong address)")};
  }
  if (record.timeline != server.timeline) {
    return {Finding::kOtherTimeline,
            absl::StrCat("Postgres is on timeline ", server.timeline, ", before on ",
                         record.timeline, ": a standby was promoted or a backup restored")};
  }
  if (record.confirmed > server.flushed) {
    return {Finding::kLostWrites,
            absl::StrCat("Postgres has lost writes: the log was published up to ",
                         ToString(record.confirmed), " and now ends at ", ToString(server.flushed),
                         " (fsync off, a disk that lies, or an older copy of the data folder)")};
  }
  return {};
}

Found CheckSlot(const SlotState& slot, Lsn confirmed) {
  const std::string position = ToString(confirmed);
  if (!slot.exists) {
    return {Finding::kSlotMissing,
            absl::StrCat("the replication slot ", slot.name, " is gone: rows committed after ",
                         position, " may be in no stream")};
  }
  if (!slot.ours()) {
    return {Finding::kSlotForeign,
            absl::StrCat("the replication slot ", slot.name, " is somebody else's: of type ",
                         slot.type, ", plugin ", slot.plugin, ", database ", slot.database,
                         "; rows committed after ", position, " may be in no stream of ours")};
  }
  if (slot.lost) {
    return {Finding::kSlotLost,
            absl::StrCat("the replication slot ", slot.name,
                         " is lost: Postgres has removed log that it still needed "
                         "(max_slot_wal_keep_size); rows committed after ",
                         position, " are in no stream")};
  }
  if (slot.confirmed > confirmed) {
    return {Finding::kSlotMoved,
            absl::StrCat("the replication slot ", slot.name, " stands at ",
                         ToString(slot.confirmed), ", but relays have published up to ", position,
                         ": somebody moved it or made it again, and rows committed in between are "
                         "in no stream")};
  }
  return {};
}

constexpr char kPublicationAltered[] =
    "the publication was altered, or made again, since relays have recorded it: rows that were "
    "committed while it did not have the outbox are in no stream";

bool IsSamePublication(const HistoryRecord& record, const Evidence& evidence) {
  return record.publication.empty() || record.publication == evidence.publication;
}

// Whether the server is a promoted standby that goes on where the record is that it has itself. The
// topic's copy may be ahead of that: its events are at Kafka, or were parked by transactions that
// this server may not have got, so it is no place to go on from.
bool HasFailedOver(const Evidence& evidence, const std::vector<const HistoryRecord*>& records) {
  if (!evidence.slot.ours() || evidence.slot.lost || !evidence.slot.synchronized) return false;
  for (const HistoryRecord* record : records) {
    const std::optional<Lsn> end = EndOfTimeline(evidence.timeline_history, record->timeline);
    if (record->system_id != evidence.server.system_id || !end || record->confirmed > *end) {
      return false;
    }
  }
  return evidence.slot.confirmed <= evidence.database->confirmed &&
         IsSamePublication(*evidence.database, evidence);
}

// The record with which a promoted standby goes on.
HistoryRecord RecordAfterFailover(const Evidence& evidence, int64_t generation) {
  HistoryRecord record = *evidence.database;
  record.generation = generation;
  record.timeline = evidence.server.timeline;
  // The numbers of lost transactions are given out again.
  record.samples.clear();
  return record;
}

Found Check(const Evidence& evidence, const std::optional<HistoryRecord>& topic,
            const std::vector<const HistoryRecord*>& records) {
  for (const HistoryRecord* record : records) {
    Found found = CheckIdentity(*record, evidence.server);
    if (found.finding != Finding::kSame) return found;
  }
  const auto& database = evidence.database;
  if (topic && database &&
      (topic->generation > database->generation ||
       (topic->generation == database->generation && topic->confirmed > database->confirmed))) {
    return {Finding::kRolledBack,
            absl::StrCat("the database has gone back in time: its own record says published up to ",
                         ToString(database->confirmed), " (generation ", database->generation,
                         "), the copy in Kafka, which is written later, says ",
                         ToString(topic->confirmed), " (generation ", topic->generation,
                         "): an older copy of the data was restored")};
  }
  Found found = CheckSlot(evidence.slot, records.front()->confirmed);
  if (found.finding == Finding::kSame && !IsSamePublication(*records.front(), evidence)) {
    found = {Finding::kPublicationChanged, kPublicationAltered};
  }
  return found;
}

// An operator's word counts as a snapshot does, as long as the row is there that has it.
// Snapshots count on their own timeline, and only as far as the database still has what they speak
// of: where it may be an older copy, only the row that came with it does.
std::optional<HistoryRecord> BasisOf(Finding finding, const Evidence& evidence) {
  std::optional<HistoryRecord> basis;
  switch (finding) {
    case Finding::kOtherSystem:
    case Finding::kOtherDatabase:
      break;
    case Finding::kOtherTimeline:
    case Finding::kRolledBack:
      if (evidence.database && evidence.database->system_id == evidence.server.system_id) {
        basis = evidence.database;
      }
      break;
    case Finding::kLostWrites:
      if (evidence.database && evidence.database->confirmed <= evidence.server.flushed) {
        basis = evidence.database;
      }
      break;
    default:
      basis = evidence.database ? evidence.database : evidence.topic;
  }
  if (!basis || !basis->snapshot.empty() || IsHealAsked(evidence)) return basis;
  return std::nullopt;
}

std::string IdOf(const Verdict& verdict, const Evidence& evidence) {
  const std::string all = absl::StrCat(
      NameOf(verdict.finding), "|", evidence.server.system_id, "|", evidence.server.timeline, "|",
      evidence.slot.name, "|", evidence.slot.exists ? ToString(evidence.slot.confirmed) : "none",
      "|", evidence.slot.plugin, "|", evidence.slot.database, "|", evidence.slot.lost, "|",
      evidence.publication, "|", verdict.next_generation);
  const uint64_t hash = StableHash(all);
  return absl::StrFormat("%08x", static_cast<uint32_t>(hash ^ (hash >> 32)));
}

}  // namespace

bool IsHealAsked(const Evidence& evidence) {
  return evidence.database && evidence.database->published_up_to_seq >= 0;
}

bool MayBeHealUnderWay(const Evidence& evidence, const Verdict& verdict) {
  return IsHealAsked(evidence) &&
         (verdict.finding == Finding::kSlotMissing || verdict.finding == Finding::kSlotMoved ||
          verdict.finding == Finding::kSlotLost);
}

Verdict Judge(const Evidence& evidence) {
  Verdict verdict;
  // A copy from before a change that was healed or accepted says nothing any more.
  std::optional<HistoryRecord> topic = evidence.topic;
  if (topic && evidence.database && topic->generation < evidence.database->generation) {
    topic.reset();
  }
  std::vector<const HistoryRecord*> records;
  if (evidence.database) records.push_back(&*evidence.database);
  if (topic && topic->slot == evidence.slot.name) records.push_back(&*topic);
  for (const HistoryRecord* record : records) {
    verdict.next_generation = std::max(verdict.next_generation, record->generation + 1);
  }
  Found found;
  const std::string other = !evidence.other_slot.empty()                 ? evidence.other_slot
                            : topic && topic->slot != evidence.slot.name ? topic->slot
                                                                         : "";
  if (!evidence.database && !other.empty()) {
    found = {Finding::kOtherDatabase,
             absl::StrCat("what is recorded of this source belongs to the slot ", other,
                          ", not to ", evidence.slot.name,
                          ": the database is a copy of another, was renamed, or the source's name "
                          "is used twice")};
  } else if (records.empty()) {
    verdict.finding = Finding::kFirst;
    return verdict;
  } else {
    found = Check(evidence, topic, records);
    verdict.resume = records.front()->confirmed;
    const bool other_timeline = found.finding == Finding::kOtherTimeline && evidence.database;
    if (other_timeline && HasFailedOver(evidence, records)) {
      found.finding = Finding::kFailedOver;
      verdict.successor = RecordAfterFailover(evidence, verdict.next_generation);
      verdict.resume = verdict.successor->confirmed;
    } else if (other_timeline && !IsSamePublication(*evidence.database, evidence)) {
      absl::StrAppend(&found.what, ", and ", kPublicationAltered);
    }
  }
  verdict.finding = found.finding;
  verdict.what = std::move(found.what);
  if (verdict.ok()) return verdict;
  verdict.basis = BasisOf(verdict.finding, evidence);
  verdict.create_slot_sql = evidence.slot.create_sql;
  verdict.id = IdOf(verdict, evidence);
  return verdict;
}

const char* NameOf(Finding finding) {
  switch (finding) {
    case Finding::kSame:
      return "same";
    case Finding::kFailedOver:
      return "failed_over";
    case Finding::kFirst:
      return "first";
    case Finding::kOtherSystem:
      return "other_system";
    case Finding::kOtherTimeline:
      return "other_timeline";
    case Finding::kOtherDatabase:
      return "other_database";
    case Finding::kLostWrites:
      return "lost_writes";
    case Finding::kRolledBack:
      return "rolled_back";
    case Finding::kSlotMissing:
      return "slot_missing";
    case Finding::kSlotLost:
      return "slot_lost";
    case Finding::kSlotForeign:
      return "slot_foreign";
    case Finding::kSlotMoved:
      return "slot_moved";
    case Finding::kPublicationChanged:
      return "publication_changed";
  }
  return "unknown";
}

}  // namespace relay
