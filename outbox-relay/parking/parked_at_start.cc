#include "outbox-relay/parking/parked_at_start.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/postgres/sql_error.h"
#include "outbox-relay/parking/parked_table.h"
#include "outbox-relay/parking/scope_name.h"

namespace relay::parked {
namespace {

// By its own name, unless its topic is parked, or no more keys may be: see ParkedKeys::Park.
constexpr char kPutOnList[] = R"sql(
  INSERT INTO outbox_parked_keys AS k (topic, name, poison_id, reason, fix, whole_topic)
  SELECT $1::text,
         CASE WHEN EXISTS (SELECT FROM outbox_parked_keys WHERE topic = $1::text AND name = $2::text)
              THEN $2::text
              WHEN EXISTS (SELECT FROM outbox_parked_keys WHERE topic = $1::text AND name = $8::text)
                OR (SELECT count(*) FROM outbox_parked_keys) >= $7::bigint
              THEN $8::text
              ELSE $2::text END,
         $3::text, $4::text, $5::text, $6::bool
  ON CONFLICT (topic, name) DO UPDATE
    SET poison_id = excluded.poison_id, reason = excluded.reason, fix = excluded.fix,
        whole_topic = excluded.whole_topic, missing_topic = false, released_at = NULL,
        released_by = NULL,
        (commit_lsn, ordinal) =
          (SELECT k.commit_lsn, k.ordinal
            WHERE EXISTS (SELECT FROM outbox_parked WHERE id = excluded.poison_id
                                                      AND scope = k.scope))
)sql";

// The next event of each would cost a producer, too. The topic is there by now: were they parked as
// those of a missing one, they would be released again at once.
constexpr char kHoldTopic[] = R"sql(
  UPDATE outbox_parked_keys SET released_at = NULL, released_by = NULL, missing_topic = false
   WHERE scope IN (SELECT scope FROM outbox_parked_keys
                    WHERE topic = $1::text AND (released_at IS NOT NULL OR missing_topic)
                    ORDER BY scope FOR NO KEY UPDATE)
)sql";

constexpr char kRebase[] = R"sql(
  UPDATE outbox_parked_keys
     SET system_id = $1::text, era = era + 1,
         commit_lsn = CASE WHEN commit_lsn IS NOT NULL THEN pg_lsn '0/0' END,
         ordinal = CASE WHEN commit_lsn IS NOT NULL THEN 0 END
   WHERE system_id <> $1::text
)sql";

// One that is only listed awaits its event; what is parked of it already is its place until then.
constexpr char kLoadKeys[] = R"sql(
  SELECT scope, topic, name, poison_id, reason, fix, whole_topic, missing_topic,
         k.commit_lsn IS NULL,
         coalesce(k.commit_lsn, first.commit_lsn, 'FFFFFFFF/FFFFFFFF')::text,
         coalesce(k.ordinal, first.ordinal, 0), k.era, extract(epoch FROM since)::bigint,
         released_at IS NOT NULL
    FROM outbox_parked_keys k
    LEFT JOIN LATERAL (
           SELECT CASE WHEN e.era = k.era THEN e.commit_lsn ELSE '0/0' END AS commit_lsn,
                  CASE WHEN e.era = k.era THEN e.ordinal ELSE 0 END AS ordinal
             FROM outbox_parked e
            WHERE k.commit_lsn IS NULL AND e.scope = k.scope AND e.dropped_at IS NULL
            ORDER BY e.scope, e.era, e.commit_lsn, e.ordinal LIMIT 1) first ON true
   WHERE scope > $1::bigint ORDER BY scope LIMIT 10000
)sql";

// Whether the newest migration that is needed was applied, and what the role may: of the columns
// that are updated one from each migration.
constexpr char kMayUse[] = R"sql(
  SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass('outbox_parked_keys')
                                             AND conname = 'outbox_parked_keys_place'),
         has_table_privilege('outbox_parked_keys', 'INSERT')
     AND has_table_privilege('outbox_parked_keys', 'DELETE')
     AND has_column_privilege('outbox_parked_keys', 'released_at', 'UPDATE')
     AND has_column_privilege('outbox_parked_keys', 'missing_topic', 'UPDATE')
     AND has_table_privilege('outbox_parked', 'INSERT')
     AND has_table_privilege('outbox_parked', 'DELETE')
     AND has_column_privilege('outbox_parked', 'ordinal', 'UPDATE')
)sql";

// By the index, a look for each key: much may be parked.
constexpr char kLast[] = R"sql(
  SELECT coalesce(max(last.commit_lsn), '0/0')::text
    FROM outbox_parked_keys k
   CROSS JOIN LATERAL (SELECT e.commit_lsn FROM outbox_parked e
                        WHERE e.scope = k.scope AND e.era = k.era AND e.dropped_at IS NULL
                        ORDER BY e.scope DESC, e.era DESC, e.commit_lsn DESC, e.ordinal DESC
                        LIMIT 1) last
)sql";

// What is dropped has no scope: the index alone tells. Tens of millions take seconds, more if their
// table has not been vacuumed for long; a stream does not wait for a number that is only shown.
constexpr char kPatience[] = "BEGIN; SET LOCAL statement_timeout = '5s'";
constexpr char kCountEvents[] = "SELECT count(*) FROM outbox_parked WHERE scope IS NOT NULL";
constexpr char kEstimateEvents[] = R"sql(
  SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass('outbox_parked')
)sql";

constexpr char kDropped[] = R"sql(
  SELECT id, commit_lsn::text FROM outbox_parked
   WHERE dropped_at IS NOT NULL AND commit_lsn BETWEEN $1::text::pg_lsn AND $2::text::pg_lsn
)sql";

absl::StatusOr<ParkedKey> KeyOfRow(const postgres::Result& keys, int row) {
  const absl::StatusOr<Lsn> lsn = ParseLsn(keys.Text(row, 9));
  if (!lsn.ok()) return lsn.status();
  return ParkedKey{
      .scope = keys.Int64(row, 0),
      .topic = std::string(keys.Text(row, 1)),
      .name = std::string(keys.Text(row, 2)),
      .poison_id = std::string(keys.Text(row, 3)),
      .refusal = std::make_shared<const Refusal>(Refusal{.reason = std::string(keys.Text(row, 4)),
                                                         .fix = std::string(keys.Text(row, 5)),
                                                         .whole_topic = keys.Bool(row, 6),
                                                         .missing_topic = keys.Bool(row, 7)}),
      .awaiting_poison = keys.Bool(row, 8),
      .from = {.commit = *lsn, .ordinal = keys.Int64(row, 10)},
      .era = static_cast<int32_t>(keys.Int64(row, 11)),
      .since_unix_seconds = keys.Int64(row, 12),
      .released = keys.Bool(row, 13),
  };
}

}  // namespace

absl::Status PutOnList(postgres::Connection& connection, const PublishFailure& failure,
                       size_t most_keys) {
  const std::string topic(ScopeTopic(failure.topic));
  auto listed = connection.Execute(kPutOnList, postgres::Params()
                                                   .Text(topic)
                                                   .Text(ScopeName(failure.key, failure.event_id))
                                                   .Text(failure.event_id)
                                                   .Text(failure.reason)
                                                   .Text(failure.fix)
                                                   .Bool(failure.whole_topic)
                                                   .Int64(static_cast<int64_t>(most_keys))
                                                   .Text(kTopicScope));
  if (!listed.ok() || !failure.whole_topic) return listed.status();
  return connection.Execute(kHoldTopic, postgres::Params().Text(topic)).status();
}

absl::Status CheckTables(postgres::Connection& connection) {
  const absl::Status status =
      connection.Execute("SELECT missing_topic FROM outbox_parked_keys, outbox_parked LIMIT 0")
          .status();
  const std::string state = postgres::SqlState(status);
  if (state == "42P01") return absl::NotFoundError(status.message());
  std::string why(status.message());
  if (status.ok()) {
    auto may = connection.Execute(kMayUse);
    if (!may.ok()) return may.status();
    const bool newest = may->Bool(0, 0);
    if (newest && may->Bool(0, 1)) return absl::OkStatus();
    why = newest ? "the role may not write outbox_parked_keys and outbox_parked"
                 : "outbox_parked_keys is of an earlier release";
  } else if (state != "42703" && state != "42501") {
    return status;
  }
  return absl::FailedPreconditionError(
      absl::StrCat(why,
                   ". Fix: run the `migrate` verb of the service that owns the database, or "
                   "`outbox-relay setup --create_table`, of this release; until then nothing is "
                   "sent, so that no parked key is overtaken"));
}

absl::StatusOr<int64_t> CountEvents(postgres::Connection& connection) {
  if (absl::Status begun = connection.ExecuteScript(kPatience); !begun.ok()) return begun;
  auto count = connection.Execute(kCountEvents);
  if (absl::Status ended = connection.ExecuteScript("ROLLBACK"); !ended.ok()) return ended;
  constexpr char kCanceled[] = "57014";
  if (postgres::SqlState(count.status()) == kCanceled) count = connection.Execute(kEstimateEvents);
  if (!count.ok()) return count.status();
  return count->Int64(0, 0);
}

absl::StatusOr<Lsn> Load(postgres::Connection& connection, const std::string& system_id,
                         absl::FunctionRef<void(ParkedKey)> put) {
  auto rebased = connection.Execute(kRebase, postgres::Params().Text(system_id));
  if (!rebased.ok()) return rebased.status();
  auto last = connection.Execute(kLast);
  if (!last.ok()) return last.status();
  for (int64_t behind = INT64_MIN;;) {
    auto keys = connection.Execute(kLoadKeys, postgres::Params().Int64(behind));
    if (!keys.ok()) return keys.status();
    if (keys->rows() == 0) return ParseLsn(last->Text(0, 0));
    for (int row = 0; row < keys->rows(); ++row) {
      absl::StatusOr<ParkedKey> key = KeyOfRow(*keys, row);
      if (!key.ok()) return key.status();
      behind = key->scope;
      put(*std::move(key));
    }
  }
}

absl::StatusOr<std::vector<Dropped>> LoadDropped(postgres::Connection& connection, Lsn from,
                                                 Lsn flushed) {
  auto rows =
      connection.Execute(kDropped, postgres::Params().Text(ToString(from)).Text(ToString(flushed)));
  if (!rows.ok()) return rows.status();
  std::vector<Dropped> dropped;
  for (int row = 0; row < rows->rows(); ++row) {
    const absl::StatusOr<Lsn> commit = ParseLsn(rows->Text(row, 1));
    if (!commit.ok()) return commit.status();
    dropped.push_back({.id = std::string(rows->Text(row, 0)), .commit = *commit});
  }
  return dropped;
}

}  // namespace relay::parked
