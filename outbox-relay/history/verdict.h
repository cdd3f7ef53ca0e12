// Whether the server is still the one, and the slot still where, that relays have left them. Pure:
// what was recorded and what the server says go in, a verdict comes out.
//
// Why the check for a moved slot is exact: a relay records a position before it tells Postgres
// (confirm_gate.h), and the record is read after the slot. So as long as only relays move the slot,
// it never stands beyond the record, whenever a relay dies. Postgres itself may move it back (a
// crash), which loses nothing: the stream is taken up at the record.
//
// A promoted standby that had synchronized the slot (PostgreSQL docs, "Logical Decoding Concepts",
// "Replication Slot Synchronization") goes on with it, if all that is recorded lies before the
// place where the timelines part: up to there its log is the old one, and what follows is in the
// slot's stream. It goes on from the record that it has itself: what came to be parked since may
// not have reached it. Whether Kafka has events of rows that were lost with the primary cannot be
// seen here; the primary's synchronized_standby_slots is what prevents them.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HISTORY_VERDICT_H_
#define ORDER_SAGA_OUTBOX_RELAY_HISTORY_VERDICT_H_

#include <optional>
#include <string>

#include "outbox-relay/history/record.h"
#include "outbox-relay/source/lsn.h"
#include "outbox-relay/source/slot_state.h"
#include "outbox-relay/source/wal_identity.h"

namespace relay {

// Read in this order, which is part of the check: publication, slot, topic, database, identity.
struct Evidence {
  SlotState slot;
  std::string publication;  // see PublicationStateSql
  // The topic's copy could be read, whatever was in it.
  bool topic_read = false;
  std::optional<HistoryRecord> topic;
  std::optional<HistoryRecord> database;
  // The database has no row for this slot, but one for that.
  std::string other_slot;
  WalIdentity server;
  // The history file of the server's timeline; empty if it was of no interest.
  std::string timeline_history;
};

enum class Finding {
  kSame,           // stream from Verdict::resume
  kFirst,          // nothing was recorded yet: the slot's own position counts
  kFailedOver,     // stream from Verdict::resume, once Verdict::successor stands
  kOtherSystem,    // another cluster: a restored dump, a wrong address
  kOtherTimeline,  // a promoted standby, a restored backup
  kOtherDatabase,  // a copy of another database, or renamed
  kLostWrites,     // the log ends before the record
  kRolledBack,     // the database is older than its record's copy in Kafka
  kSlotMissing,
  kSlotLost,     // Postgres has removed log that it needs
  kSlotForeign,  // of another plugin, type or database
  kSlotMoved,    // ahead of the record: moved, or made again
  kPublicationChanged,
};

struct Verdict {
  Finding finding = Finding::kSame;
  // What was found, in a sentence without its end; empty if all is well.
  std::string what;
  // Everything before it is at Kafka; unknown if nothing was recorded.
  Lsn resume;
  // The generation that a record must have to replace what was found: one more than the highest.
  int64_t next_generation = 1;
  // The record whose snapshot still says what is published; none if no snapshot counts.
  std::optional<HistoryRecord> basis;
  // Of kFailedOver: replaces the old record before anything is streamed.
  std::optional<HistoryRecord> successor;
  // What makes the slot by hand, where it has to be.
  std::string create_slot_sql;
  // Names what was found, so that a person accepts this and nothing else.
  std::string id;

  bool ok() const {
    return finding == Finding::kSame || finding == Finding::kFirst ||
           finding == Finding::kFailedOver;
  }
};

Verdict Judge(const Evidence& evidence);

// An operator has said up to which row all is at Kafka: the rest is to be published by healing.
bool IsHealAsked(const Evidence& evidence);
// That has begun, and was broken off: it has made the slot anew, or was about to.
bool MayBeHealUnderWay(const Evidence& evidence, const Verdict& verdict);

// For logs: "slot_moved".
const char* NameOf(Finding finding);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HISTORY_VERDICT_H_
