#include "outbox-relay/parking/parked_table.h"

#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "libs/postgres/sql_error.h"
#include "outbox-relay/parking/scope_name.h"
#include "outbox-relay/source/lsn.h"

namespace relay::parked {
namespace {

// A poison that an operator has dropped before comes again only if the stream repeats: what follows
// it flows at once. A key that is there already is taken if its place is not before ours.
constexpr char kOpenKeys[] = R"sql(
  INSERT INTO outbox_parked_keys AS k (topic, name, poison_id, reason, fix, whole_topic,
                                       missing_topic, system_id, commit_lsn, ordinal, released_at,
                                       released_by)
  SELECT w.topic, w.name, w.poison_id, w.reason, w.fix, w.whole_topic, w.missing_topic, $10::text,
         w.lsn::pg_lsn, w.ordinal, d.dropped_at, d.dropped_by
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[], $7::bool[],
                $8::text[], $9::bigint[])
      AS w (topic, name, poison_id, reason, fix, whole_topic, missing_topic, lsn, ordinal)
    LEFT JOIN outbox_parked d ON d.id = w.poison_id AND d.dropped_at IS NOT NULL
   WHERE $11::bigint = 0
      OR EXISTS (SELECT FROM pg_replication_slots
                  WHERE slot_name = 'outbox_' || current_database() AND active_pid = $11::bigint)
  ON CONFLICT (topic, name) DO UPDATE
    SET poison_id = excluded.poison_id, reason = excluded.reason, fix = excluded.fix,
        whole_topic = excluded.whole_topic, missing_topic = excluded.missing_topic,
        system_id = excluded.system_id, commit_lsn = excluded.commit_lsn, ordinal = excluded.ordinal
    WHERE $11::bigint = 0 OR k.commit_lsn IS NULL
       OR (excluded.commit_lsn, excluded.ordinal) <= (k.commit_lsn, k.ordinal)
  RETURNING scope, topic, name, released_at IS NOT NULL
)sql";

constexpr char kInsertEvents[] = R"sql(
  INSERT INTO outbox_parked (scope, era, id, topic, key, type, payload, traceparent, headers,
                             created_at, commit_lsn, ordinal)
  SELECT scope, era, id, topic, key, type, payload, traceparent, headers,
         timestamptz 'epoch' + created * interval '1 microsecond', lsn::pg_lsn, ordinal
    FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],
                $7::bytea[], $8::text[], $9::text[], $10::bigint[], $11::text[], $12::bigint[])
      AS e (scope, era, id, topic, key, type, payload, traceparent, headers, created, lsn, ordinal)
  ON CONFLICT (id) DO NOTHING
)sql";

constexpr char kReleaseFoundTopics[] = R"sql(
  UPDATE outbox_parked_keys
     SET released_at = clock_timestamp(), released_by = 'outbox-relay: the topic is there'
   WHERE topic = ANY ($1::text[]) AND missing_topic AND released_at IS NULL
)sql";

constexpr char kReleasedKeys[] =
    "SELECT scope FROM outbox_parked_keys WHERE released_at IS NOT NULL ORDER BY released_at, "
    "scope";

// Key by key, so that each is one range of the index, however much is parked. The sum of sizes
// needs no payload to be read.
constexpr char kFetchEvents[] = R"sql(
  SELECT scope, id, topic, key, type, payload, traceparent, headers,
         (extract(epoch FROM created_at) * 1000000)::bigint
    FROM (SELECT e.*, sum(coalesce(octet_length(payload), 0) + coalesce(octet_length(headers), 0)
                          + 200) OVER (ROWS UNBOUNDED PRECEDING) AS bytes,
                 row_number() OVER (ROWS UNBOUNDED PRECEDING) AS number
            FROM (SELECT p.* FROM unnest($1::bigint[]) AS wanted (scope)
                    CROSS JOIN LATERAL (SELECT * FROM outbox_parked
                                         WHERE outbox_parked.scope = wanted.scope
                                           AND dropped_at IS NULL
                                         ORDER BY outbox_parked.scope, era, commit_lsn, ordinal
                                         LIMIT 1000) p
                  LIMIT 1000) e) counted
   WHERE bytes <= 1048576 OR number = 1
)sql";

constexpr char kDeleteEvents[] =
    "DELETE FROM outbox_parked WHERE id = ANY ($1::text[]) AND dropped_at IS NULL";

constexpr char kForgetKeys[] = R"sql(
  DELETE FROM outbox_parked_keys k
   WHERE scope = ANY ($1::bigint[]) AND released_at IS NOT NULL
     AND NOT EXISTS (SELECT FROM outbox_parked e WHERE e.scope = k.scope AND dropped_at IS NULL)
  RETURNING scope
)sql";

constexpr char kHoldKey[] = R"sql(
  UPDATE outbox_parked_keys SET released_at = NULL, released_by = NULL, poison_id = $2::text,
                                reason = $3::text, fix = $4::text, whole_topic = $5::bool,
                                missing_topic = $6::bool
   WHERE scope = $1::bigint
)sql";

constexpr char kPutOnList[] = R"sql(
  INSERT INTO outbox_parked_keys AS k (topic, name, poison_id, reason, fix, whole_topic)
  SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::bool
  ON CONFLICT (topic, name) DO UPDATE
    SET poison_id = excluded.poison_id, reason = excluded.reason, fix = excluded.fix,
        whole_topic = excluded.whole_topic, missing_topic = false, released_at = NULL,
        released_by = NULL,
        (system_id, commit_lsn, ordinal) =
          (SELECT k.system_id, k.commit_lsn, k.ordinal
            WHERE EXISTS (SELECT FROM outbox_parked WHERE id = excluded.poison_id
                                                      AND scope = k.scope))
)sql";

// The next event of each would cost a producer, too.
constexpr char kHoldTopic[] = R"sql(
  UPDATE outbox_parked_keys SET released_at = NULL, released_by = NULL
   WHERE topic = $1::text AND released_at IS NOT NULL
)sql";

constexpr char kRebase[] = R"sql(
  UPDATE outbox_parked_keys SET system_id = $1::text, era = era + 1, commit_lsn = '0/0', ordinal = 0
   WHERE system_id <> $1::text
)sql";

constexpr char kBeginEra[] = R"sql(
  UPDATE outbox_parked_keys SET system_id = $1::text, era = era + 1, commit_lsn = '0/0', ordinal = 0
   WHERE system_id IS NOT NULL
)sql";

constexpr char kFirstParked[] = R"sql(
  SELECT p.scope, min(o.seq), min(p.era) FROM outbox_parked p JOIN outbox o ON o.id::text = p.id
   WHERE p.scope IS NOT NULL AND p.dropped_at IS NULL GROUP BY p.scope
)sql";

constexpr char kLoadKeys[] = R"sql(
  SELECT scope, topic, name, poison_id, reason, fix, whole_topic, missing_topic, commit_lsn IS NULL,
         coalesce(commit_lsn, '0/0')::text, coalesce(ordinal, 0), era,
         extract(epoch FROM since)::bigint, released_at IS NOT NULL
    FROM outbox_parked_keys WHERE scope > $1::bigint ORDER BY scope LIMIT 10000
)sql";

// Of the columns that are updated one from each migration.
constexpr char kMayWrite[] = R"sql(
  SELECT has_table_privilege('outbox_parked_keys', 'INSERT')
     AND has_table_privilege('outbox_parked_keys', 'DELETE')
     AND has_column_privilege('outbox_parked_keys', 'released_at', 'UPDATE')
     AND has_column_privilege('outbox_parked_keys', 'missing_topic', 'UPDATE')
     AND has_table_privilege('outbox_parked', 'INSERT')
     AND has_table_privilege('outbox_parked', 'DELETE')
)sql";

// One relay of the source at a time, for as long as its connection lasts. The numbers are ours: the
// ASCII codes of "outb" and "park".
constexpr char kEndOthers[] = R"sql(
  SELECT pg_terminate_backend(pid, 2000)
    FROM pg_locks
   WHERE locktype = 'advisory' AND classid = 1869968482 AND objid = 1885434475 AND objsubid = 2
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND pid <> pg_backend_pid()
)sql";
// Not one that somebody has made at the same place while we looked away: that stands further on.
constexpr char kHasSlot[] = R"sql(
  SELECT EXISTS (SELECT FROM pg_replication_slots
                  WHERE slot_name = 'outbox_' || current_database() AND active_pid = $1::bigint
                    AND confirmed_flush_lsn <= $2::text::pg_lsn)
)sql";
constexpr char kLock[] = "SELECT pg_advisory_lock(1869968482, 1885434475)";

constexpr char kCountEvents[] = R"sql(
  SELECT count(*), coalesce(max(e.commit_lsn) FILTER (WHERE e.era = k.era), '0/0')::text
    FROM outbox_parked e LEFT JOIN outbox_parked_keys k USING (scope)
   WHERE e.dropped_at IS NULL
)sql";

}  // namespace

Query OpenKeys(const ParkBatch& batch, const std::string& system_id, int walsender_pid) {
  std::vector<std::string> topics, names, poisons, reasons, fixes, lsns;
  std::vector<int64_t> ordinals;
  // vector<bool> is no array.
  const size_t count = batch.openings.size();
  const auto whole = std::make_unique<bool[]>(count), missing = std::make_unique<bool[]>(count);
  for (const auto& key : batch.openings) {
    whole[topics.size()] = key->refusal->whole_topic;
    missing[topics.size()] = key->refusal->missing_topic;
    topics.push_back(key->topic);
    names.push_back(key->name);
    poisons.push_back(key->poison_id);
    reasons.push_back(key->refusal->reason);
    fixes.push_back(key->refusal->fix);
    lsns.push_back(ToString(key->from.commit));
    ordinals.push_back(key->from.ordinal);
  }
  return {kOpenKeys, postgres::Params()
                         .Texts(topics)
                         .Texts(names)
                         .Texts(poisons)
                         .Texts(reasons)
                         .Texts(fixes)
                         .Bools(absl::Span<const bool>(whole.get(), count))
                         .Bools(absl::Span<const bool>(missing.get(), count))
                         .Texts(lsns)
                         .Int64s(ordinals)
                         .Text(system_id)
                         .Int64(walsender_pid)};
}

bool TakeScopes(const postgres::Result& result, ParkBatch& batch) {
  absl::flat_hash_map<std::string, int64_t> scopes;
  for (int row = 0; row < result.rows(); ++row) {
    scopes[KeyOf(result.Text(row, 1), result.Text(row, 2))] = result.Int64(row, 0);
  }
  for (const std::shared_ptr<ParkedKey>& key : batch.openings) {
    const auto found = scopes.find(KeyOf(key->topic, key->name));
    if (found == scopes.end()) return false;
    key->scope = found->second;
  }
  return true;
}

Query InsertEvents(const ParkBatch& batch) {
  std::vector<int64_t> scopes, eras;
  scopes.reserve(batch.keys.size());
  eras.reserve(batch.keys.size());
  for (const auto& key : batch.keys) {
    scopes.push_back(key->scope);
    eras.push_back(key->era);
  }
  return {kInsertEvents, postgres::Params()
                             .Int64s(scopes)
                             .Int64s(eras)
                             .Texts(batch.ids)
                             .Texts(batch.topics)
                             .NullableTexts(batch.event_keys)
                             .Texts(batch.types)
                             .NullableBytes(batch.payloads)
                             .NullableTexts(batch.traceparents)
                             .NullableTexts(batch.headers)
                             .Int64s(batch.created)
                             .Texts(batch.lsns)
                             .Int64s(batch.ordinals)};
}

Query ReleaseFoundTopics(const std::vector<std::string>& topics) {
  return {kReleaseFoundTopics, postgres::Params().Texts(topics)};
}

Query ReleasedKeys() { return {kReleasedKeys, {}}; }

Query FetchEvents(const std::vector<int64_t>& scopes) {
  return {kFetchEvents, postgres::Params().Int64s(scopes)};
}

Row RowOf(const postgres::Result& result, int row) {
  Row parked{.scope = result.Int64(row, 0), .event = {}};
  Event& event = parked.event;
  event.id = result.Text(row, 1);
  event.topic = result.Text(row, 2);
  if (!result.IsNull(row, 3)) event.aggregate_id = result.Text(row, 3);
  event.type = result.Text(row, 4);
  if (!result.IsNull(row, 5)) event.payload = result.Text(row, 5);
  event.traceparent = result.TextOrEmpty(row, 6);
  event.headers_json = result.TextOrEmpty(row, 7);
  event.created_unix_microseconds = result.Int64(row, 8);
  return parked;
}

Query DeleteEvents(const std::vector<std::string>& ids) {
  return {kDeleteEvents, postgres::Params().Texts(ids)};
}

Query ForgetKeys(const std::vector<int64_t>& scopes) {
  return {kForgetKeys, postgres::Params().Int64s(scopes)};
}

Query HoldKey(int64_t scope, const std::string& poison_id, const Refusal& refusal) {
  return {kHoldKey, postgres::Params()
                        .Int64(scope)
                        .Text(poison_id)
                        .Text(refusal.reason)
                        .Text(refusal.fix)
                        .Bool(refusal.whole_topic)
                        .Bool(refusal.missing_topic)};
}

absl::Status PutOnList(postgres::Connection& connection, const PublishFailure& failure) {
  const std::string topic(ScopeTopic(failure.topic));
  auto listed = connection.Execute(kPutOnList, postgres::Params()
                                                   .Text(topic)
                                                   .Text(ScopeName(failure.key, failure.event_id))
                                                   .Text(failure.event_id)
                                                   .Text(failure.reason)
                                                   .Text(failure.fix)
                                                   .Bool(failure.whole_topic));
  if (!listed.ok() || !failure.whole_topic) return listed.status();
  return connection.Execute(kHoldTopic, postgres::Params().Text(topic)).status();
}

absl::Status BeginEra(postgres::Connection& connection, const std::string& system_id) {
  return connection.Execute(kBeginEra, postgres::Params().Text(system_id)).status();
}

absl::StatusOr<absl::flat_hash_map<int64_t, FirstParked>> LoadFirstParked(
    postgres::Connection& connection) {
  auto rows = connection.Execute(kFirstParked);
  if (!rows.ok()) return rows.status();
  absl::flat_hash_map<int64_t, FirstParked> first;
  for (int row = 0; row < rows->rows(); ++row) {
    first[rows->Int64(row, 0)] = {.seq = rows->Int64(row, 1),
                                  .era = static_cast<int32_t>(rows->Int64(row, 2))};
  }
  return first;
}

absl::Status CheckTables(postgres::Connection& connection) {
  const absl::Status status =
      connection.Execute("SELECT missing_topic FROM outbox_parked_keys, outbox_parked LIMIT 0")
          .status();
  const std::string state = postgres::SqlState(status);
  if (state == "42P01") return absl::NotFoundError(status.message());
  std::string why(status.message());
  if (status.ok()) {
    auto may = connection.Execute(kMayWrite);
    if (!may.ok()) return may.status();
    if (may->Bool(0, 0)) return absl::OkStatus();
    why = "the role may not write outbox_parked_keys and outbox_parked";
  } else if (state != "42703" && state != "42501") {
    return status;
  }
  return absl::FailedPreconditionError(
      absl::StrCat(why,
                   ". Fix: run the `migrate` verb of the service that owns the database, or "
                   "`outbox-relay setup --create_table`, of this release; until then nothing is "
                   "sent, so that no parked key is overtaken"));
}

absl::Status ShutOutAll(postgres::Connection& connection) {
  if (auto ended = connection.Execute(kEndOthers); !ended.ok()) return ended.status();
  return connection.Execute(kLock).status();
}

absl::Status ShutOutOthers(postgres::Connection& connection, const SlotHolder& holder) {
  const auto has_slot = [&]() -> absl::Status {
    auto rows = connection.Execute(
        kHasSlot, postgres::Params().Int64(holder.walsender_pid).Text(ToString(holder.judged)));
    if (!rows.ok()) return rows.status();
    if (rows->Bool(0, 0)) return absl::OkStatus();
    return absl::UnavailableError(
        "the slot is another relay's by now, or was made anew since it was looked at; looking "
        "again");
  };
  // One that was asleep may wake up in the middle of a statement; this may be that one.
  if (absl::Status ours = has_slot(); !ours.ok()) return ours;
  if (absl::Status alone = ShutOutAll(connection); !alone.ok()) return alone;
  return has_slot();
}

namespace {

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

absl::StatusOr<Stored> Load(postgres::Connection& connection, const std::string& system_id,
                            const std::vector<std::string>& released,
                            absl::FunctionRef<void(ParkedKey)> put) {
  if (!released.empty()) {
    const Query removed = DeleteEvents(released);
    auto rows = connection.Execute(removed.sql, removed.params);
    if (!rows.ok()) return rows.status();
  }
  auto rebased = connection.Execute(kRebase, postgres::Params().Text(system_id));
  if (!rebased.ok()) return rebased.status();
  auto events = connection.Execute(kCountEvents);
  if (!events.ok()) return events.status();
  const absl::StatusOr<Lsn> last = ParseLsn(events->Text(0, 1));
  if (!last.ok()) return last.status();
  for (int64_t behind = INT64_MIN;;) {
    auto keys = connection.Execute(kLoadKeys, postgres::Params().Int64(behind));
    if (!keys.ok()) return keys.status();
    if (keys->rows() == 0) return Stored{.events = events->Int64(0, 0), .last = *last};
    for (int row = 0; row < keys->rows(); ++row) {
      absl::StatusOr<ParkedKey> key = KeyOfRow(*keys, row);
      if (!key.ok()) return key.status();
      behind = key->scope;
      put(*std::move(key));
    }
  }
}

}  // namespace relay::parked
