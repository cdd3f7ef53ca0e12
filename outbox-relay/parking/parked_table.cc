#include "outbox-relay/parking/parked_table.h"

#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace relay::parked {
namespace {

// A key that is there already is taken if its place is not before ours.
constexpr char kOpenKeys[] = R"sql(
  INSERT INTO outbox_parked_keys AS k (topic, name, poison_id, reason, fix, whole_topic,
                                       missing_topic, system_id, commit_lsn, ordinal)
  SELECT w.topic, w.name, w.poison_id, w.reason, w.fix, w.whole_topic, w.missing_topic, $10::text,
         w.lsn::pg_lsn, w.ordinal
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[], $7::bool[],
                $8::text[], $9::bigint[])
      AS w (topic, name, poison_id, reason, fix, whole_topic, missing_topic, lsn, ordinal)
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
   WHERE scope IN (SELECT scope FROM outbox_parked_keys
                    WHERE topic = ANY ($1::text[]) AND missing_topic AND released_at IS NULL
                    ORDER BY scope FOR NO KEY UPDATE)
)sql";

constexpr char kReleasedKeys[] = R"sql(
  SELECT scope FROM outbox_parked_keys WHERE released_at IS NOT NULL
   ORDER BY released_at, scope
)sql";

// Key by key, so that each is one range of the index, however much is parked. The sum of sizes
// needs no payload to be read.
constexpr char kFetchEvents[] = R"sql(
  SELECT scope, id, topic, key, type, payload, traceparent, headers,
         (extract(epoch FROM created_at) * 1000000)::bigint
    FROM (SELECT e.*, sum(coalesce(octet_length(payload), 0) + coalesce(octet_length(headers), 0)
                          + coalesce(octet_length(key), 0) + octet_length(e.topic)
                          + octet_length(e.type) + coalesce(octet_length(traceparent), 0)
                          + 200) OVER (ROWS UNBOUNDED PRECEDING) AS bytes,
                 row_number() OVER (ROWS UNBOUNDED PRECEDING) AS number
            FROM (SELECT p.* FROM unnest($1::bigint[]) AS wanted (scope)
                    CROSS JOIN LATERAL (SELECT * FROM outbox_parked
                                         WHERE outbox_parked.scope = wanted.scope
                                           AND dropped_at IS NULL
                                         ORDER BY outbox_parked.scope, era, commit_lsn, ordinal
                                         LIMIT 2000) p
                  LIMIT 2000) e) counted
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

}  // namespace relay::parked
