#include "outbox-relay/heal/parked_order.h"

namespace relay {
namespace {

// A key that is only listed has no place yet. What is parked keeps its order: as far as something
// follows that is no longer in the outbox, it stays in the earlier era.
constexpr char kBeginEra[] = R"sql(
  WITH keys AS (
    UPDATE outbox_parked_keys
       SET era = era + 1, system_id = $1::text,
           commit_lsn = CASE WHEN commit_lsn IS NOT NULL THEN pg_lsn '0/0' END,
           ordinal = CASE WHEN commit_lsn IS NOT NULL THEN 0 END
    RETURNING scope, era),
  placed AS (
    SELECT p.id, p.scope, o.seq,
           bool_or(o.seq IS NULL) OVER (PARTITION BY p.scope ORDER BY p.era DESC, p.commit_lsn DESC,
                                        p.ordinal DESC ROWS UNBOUNDED PRECEDING) AS stays
      FROM outbox_parked p LEFT JOIN outbox o ON o.id::text = p.id
     WHERE p.scope IS NOT NULL AND p.dropped_at IS NULL)
  UPDATE outbox_parked p SET era = keys.era, commit_lsn = '0/0', ordinal = placed.seq
    FROM keys, placed
   WHERE placed.scope = keys.scope AND p.id = placed.id AND NOT placed.stays
)sql";

constexpr char kFirstParked[] = R"sql(
  SELECT scope, CASE WHEN bool_or(e.era < k.era) THEN 0 ELSE min(e.ordinal) END
    FROM outbox_parked e JOIN outbox_parked_keys k USING (scope)
   WHERE e.dropped_at IS NULL GROUP BY scope
)sql";

}  // namespace

absl::Status BeginEra(postgres::Connection& connection, const std::string& system_id) {
  return connection.Execute(kBeginEra, postgres::Params().Text(system_id)).status();
}

absl::StatusOr<absl::flat_hash_map<int64_t, int64_t>> LoadFirstParked(
    postgres::Connection& connection) {
  auto rows = connection.Execute(kFirstParked);
  if (!rows.ok()) return rows.status();
  absl::flat_hash_map<int64_t, int64_t> first;
  for (int row = 0; row < rows->rows(); ++row) first[rows->Int64(row, 0)] = rows->Int64(row, 1);
  return first;
}

}  // namespace relay
