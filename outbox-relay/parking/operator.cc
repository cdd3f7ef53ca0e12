#include "outbox-relay/parking/operator.h"

#include "outbox-relay/parking/scope_name.h"

namespace relay::parked {
namespace {

// $1 id, $2 topic, $3 the name of a key.
#define ORDER_SAGA_SELECTED                                               \
  " ($1::text IS NULL OR k.poison_id = $1::text"                          \
  "  OR k.scope = (SELECT scope FROM outbox_parked WHERE id = $1::text))" \
  " AND ($2::text IS NULL OR k.topic = $2::text)"                         \
  " AND ($3::text IS NULL OR k.name = $3::text) "

#define ORDER_SAGA_RELAY_ACTIVE               \
  " EXISTS (SELECT FROM pg_replication_slots" \
  "          WHERE slot_name = 'outbox_' || current_database() AND active) "

constexpr char kList[] =
    "SELECT k.topic, left(k.name, 1), substr(k.name, 2), k.poison_id, k.reason, k.fix,"
    "       to_char(k.since AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
    "       extract(epoch FROM clock_timestamp() - k.since)::bigint, k.released_at IS NOT NULL,"
    "       (SELECT count(*) FROM outbox_parked e WHERE e.scope = k.scope AND dropped_at IS NULL),"
    "       EXISTS (SELECT FROM outbox_parked e"
    "                WHERE e.id = k.poison_id AND dropped_at IS NOT NULL)"
    "  FROM outbox_parked_keys k WHERE" ORDER_SAGA_SELECTED "ORDER BY k.since, k.scope";

// Selected, but not to be found by its own name: it would be parked with its topic.
#define ORDER_SAGA_WITH_TOPIC                                                      \
  " EXISTS (SELECT FROM outbox_parked_keys WHERE topic = $2::text AND name = 't' " \
  "                                          AND left($3::text, 1) = 'k') "

constexpr char kCountRelease[] =
    "SELECT count(DISTINCT k.scope), count(e.id)," ORDER_SAGA_RELAY_ACTIVE
    ", 0," ORDER_SAGA_WITH_TOPIC
    "  FROM outbox_parked_keys k"
    "  LEFT JOIN outbox_parked e ON e.scope = k.scope AND e.dropped_at IS NULL"
    " WHERE k.released_at IS NULL AND" ORDER_SAGA_SELECTED;

#define ORDER_SAGA_HELD(lock)                 \
  "WITH held AS (SELECT k.scope, k.poison_id" \
  "                FROM outbox_parked_keys k" \
  "               WHERE k.released_at IS NULL AND" ORDER_SAGA_SELECTED lock ") "
// Two verbs at a time lock in one order. What the relay writes behind a key goes on.
#define ORDER_SAGA_LOCK "ORDER BY k.scope FOR NO KEY UPDATE"

// The relay that is active listens.
constexpr char kRelease[] = ORDER_SAGA_HELD(ORDER_SAGA_LOCK)
    ", released AS ("
    "  UPDATE outbox_parked_keys k SET released_at = clock_timestamp(), released_by = $4::text"
    "    FROM held WHERE k.scope = held.scope"
    "  RETURNING k.scope)"
    "SELECT (SELECT count(*) FROM released),"
    "       (SELECT count(*) FROM outbox_parked e JOIN released USING (scope)"
    "         WHERE dropped_at IS NULL)," ORDER_SAGA_RELAY_ACTIVE ", 0," ORDER_SAGA_WITH_TOPIC
    ",      pg_notify('outbox_parked', '')::text";

// What is dropped leaves its key: else the key's end had to look at each of them. What is released
// may be on its way to Kafka: an event that is there is not dropped afterwards.
// The lock holds a release up that comes meanwhile.
#define ORDER_SAGA_DROPPED                                          \
  " e.dropped_at IS NULL AND ($1::text IS NULL OR e.id = $1::text)" \
  " AND EXISTS (SELECT FROM held"                                   \
  "              WHERE held.scope = e.scope"                        \
  "                AND ($1::text IS NOT NULL OR $4::bool OR held.poison_id = e.id)) "
#define ORDER_SAGA_RELEASED_KEYS                                                 \
  " (SELECT count(*) FROM outbox_parked_keys k WHERE k.released_at IS NOT NULL " \
  "AND" ORDER_SAGA_SELECTED ")"

constexpr char kCountDrop[] =
    ORDER_SAGA_HELD("") "SELECT count(DISTINCT e.scope), count(*)," ORDER_SAGA_RELAY_ACTIVE
                        "," ORDER_SAGA_RELEASED_KEYS "," ORDER_SAGA_WITH_TOPIC
                        " FROM outbox_parked e WHERE" ORDER_SAGA_DROPPED;

constexpr char kDrop[] = ORDER_SAGA_HELD(ORDER_SAGA_LOCK)
    ", dropped AS ("
    "  UPDATE outbox_parked e SET dropped_at = clock_timestamp(), dropped_by = $5::text,"
    "                             dropped_why = $6::text, scope = NULL"
    "    FROM (SELECT e.id, e.scope FROM outbox_parked e WHERE" ORDER_SAGA_DROPPED
    ") was"
    "   WHERE e.id = was.id AND e.dropped_at IS NULL"
    "  RETURNING was.scope)"
    "SELECT count(DISTINCT scope), count(*)," ORDER_SAGA_RELAY_ACTIVE "," ORDER_SAGA_RELEASED_KEYS
    "," ORDER_SAGA_WITH_TOPIC " FROM dropped";

#undef ORDER_SAGA_WITH_TOPIC
#undef ORDER_SAGA_HELD
#undef ORDER_SAGA_LOCK
#undef ORDER_SAGA_RELEASED_KEYS
#undef ORDER_SAGA_SELECTED
#undef ORDER_SAGA_DROPPED
#undef ORDER_SAGA_RELAY_ACTIVE

postgres::Params Select(const Selection& selection) {
  std::optional<std::string> topic, name;
  if (selection.topic) topic = ScopeTopic(*selection.topic);
  if (selection.key) name = ScopeName(*selection.key, "");
  if (selection.rest_of_topic) name = kTopicScope;
  return postgres::Params().NullableText(selection.id).NullableText(topic).NullableText(name);
}

absl::StatusOr<Changed> Count(const absl::StatusOr<postgres::Result>& answer) {
  if (!answer.ok()) return answer.status();
  return Changed{.keys = answer->Int64(0, 0),
                 .events = answer->Int64(0, 1),
                 .relay_active = answer->Bool(0, 2),
                 .released_keys = answer->Int64(0, 3),
                 .with_topic = answer->Bool(0, 4)};
}

}  // namespace

absl::StatusOr<std::vector<KeyInfo>> ListKeys(postgres::Connection& connection,
                                              const Selection& selection) {
  auto answer = connection.Execute(kList, Select(selection));
  if (!answer.ok()) return answer.status();
  std::vector<KeyInfo> keys;
  for (int row = 0; row < answer->rows(); ++row) {
    KeyInfo key;
    key.topic = std::string(answer->Text(row, 0));
    const std::string_view kind = answer->Text(row, 1);
    if (kind == "k") key.key = std::string(answer->Text(row, 2));
    key.rest_of_topic = kind == kTopicScope;
    key.poison_id = std::string(answer->Text(row, 3));
    key.reason = std::string(answer->Text(row, 4));
    key.fix = std::string(answer->Text(row, 5));
    key.since = std::string(answer->Text(row, 6));
    key.age_seconds = answer->Int64(row, 7);
    key.released = answer->Bool(row, 8);
    key.events = answer->Int64(row, 9);
    key.poison_dropped = answer->Bool(row, 10);
    keys.push_back(std::move(key));
  }
  return keys;
}

absl::StatusOr<Changed> ReleaseKeys(postgres::Connection& connection, const Selection& selection,
                                    const std::string& who, bool dry_run) {
  if (dry_run) return Count(connection.Execute(kCountRelease, Select(selection)));
  return Count(connection.Execute(kRelease, Select(selection).Text(who)));
}

absl::StatusOr<Changed> DropEvents(postgres::Connection& connection, const Selection& selection,
                                   const Drop& drop, bool dry_run) {
  postgres::Params params = Select(selection).Bool(drop.all_behind);
  if (dry_run) return Count(connection.Execute(kCountDrop, params));
  // What was said to be dropped is, also after a crash of the server.
  if (absl::Status set = connection.ExecuteScript("SET synchronous_commit = on"); !set.ok()) {
    return set;
  }
  return Count(connection.Execute(kDrop, params.Text(drop.who).Text(drop.why)));
}

}  // namespace relay::parked
