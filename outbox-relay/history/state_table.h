// The record's row in the source's database (libs/outbox/migrations/0003_relay_state.sql).
#ifndef ORDER_SAGA_OUTBOX_RELAY_HISTORY_STATE_TABLE_H_
#define ORDER_SAGA_OUTBOX_RELAY_HISTORY_STATE_TABLE_H_

#include <libpq-fe.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/history/record.h"

namespace relay {

struct StateRow {
  std::optional<HistoryRecord> record;  // the slot's
  // If that is missing: a slot for which there is a row.
  std::string other_slot;
};

// FailedPrecondition: the table is missing; the message says the fix.
absl::StatusOr<StateRow> ReadStateRow(postgres::Connection& connection, const std::string& slot);
absl::StatusOr<StateRow> ReadStateRow(PGconn* replication, const std::string& slot);

// Whether the connection leads to the record's system_id and timeline; nothing else of it counts.
absl::StatusOr<bool> IsOfThisServer(postgres::Connection& connection, const HistoryRecord& record);

enum class Recorded {
  kYes,  // it stands there, durably
  // The server is not the record's, its row is of another generation, or the publication is not
  // the one that the record names.
  kNotHere,
};

// Writes the record unless a row of the same history says more already (then that one stands, which
// is as good). Nothing is written where it is kNotHere.
absl::StatusOr<Recorded> WriteStateRow(postgres::Connection& connection,
                                       const HistoryRecord& record);

// The same for the position alone, which costs less. kNotHere also if there is no row yet.
absl::StatusOr<Recorded> WriteStatePosition(postgres::Connection& connection,
                                            const HistoryRecord& record);

// Puts the record in the place of one of an earlier generation, or of none, on a server that is the
// record's. Aborted: somebody else did that meanwhile.
absl::Status ReplaceStateRow(postgres::Connection& connection, const HistoryRecord& record);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HISTORY_STATE_TABLE_H_
