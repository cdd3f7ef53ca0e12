// The part of postgres_checks.h that looks at the table.
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/postgres/sql_error.h"
#include "outbox-relay/source/outbox_columns.h"
#include "outbox-relay/source/outbox_table.h"
#include "outbox-relay/verbs/postgres_checks.h"

namespace relay {
namespace {

// Rows in DEFAULT are counted up to here: more say no more.
constexpr int64_t kCountUpTo = 1'000;
constexpr int64_t kFewestPartitionsAhead = 2;
constexpr int64_t kLargeDefault = 64 << 20;  // as in libs/postgres/migrations/0005

void Unanswered(Symptoms& symptoms, const std::string& check, const absl::Status& status) {
  // What is wrong with the columns is said where the table is looked at.
  const bool may_not = postgres::SqlState(status) == "42501";
  symptoms.Warn(check, absl::StrCat("cannot be read: ", status.message()),
                may_not ? "GRANT SELECT ON outbox TO this role; run doctor again"
                        : "see the other findings; run doctor again");
}

}  // namespace

bool CheckTable(postgres::Connection& database, Symptoms& symptoms) {
  auto rows = database.Execute(R"sql(
    SELECT n.nspname::text, a.attname::text, a.atttypid::bigint
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.oid = to_regclass('outbox') AND a.attnum > 0 AND NOT a.attisdropped
  )sql");
  if (!rows.ok()) {
    Unanswered(symptoms, "table", rows.status());
    return false;
  }
  if (rows->rows() == 0) {
    symptoms.Fail("table", "there is no table outbox in the role's search_path",
                  "run the service's `migrate` verb, or `outbox-relay setup --create_table`; or it "
                  "is another database than was meant");
    return false;
  }
  pgoutput::Relation relation{
      .id = 0, .schema = std::string(rows->Text(0, 0)), .table = "outbox", .columns = {}};
  bool has_tx = false, has_time = false;
  for (int i = 0; i < rows->rows(); ++i) {
    const std::string_view column = rows->Text(i, 1);
    has_tx = has_tx || column == "tx";
    has_time = has_time || column == "created_at";
    relation.columns.push_back({std::string(column), static_cast<uint32_t>(rows->Int64(i, 2))});
  }
  const OutboxTable table(relation);
  if (!table.usable().ok()) {
    // The text has its fix in it.
    symptoms.Fail("table", std::string(table.usable().message()), "");
  } else if (!has_tx || !has_time) {
    symptoms.Warn("table", "it has no columns tx (xid8) and created_at: its lag stays unknown",
                  "ALTER TABLE outbox ADD COLUMN tx xid8 DEFAULT pg_current_xact_id(), ADD COLUMN "
                  "created_at timestamptz DEFAULT clock_timestamp()");
  } else {
    symptoms.Ok("table", "it has the columns that are needed");
  }
  symptoms.Ok("replica identity", "does not matter: only inserts are read");
  return has_tx && has_time;
}

void CheckPartitions(postgres::Connection& database, Symptoms& symptoms) {
  // Rows in DEFAULT have ids below the first daily partition or behind the last: by these bounds
  // no other partition is read.
  auto row = database.Execute(R"sql(
    WITH leaves AS (
      SELECT to_date(right(relname, 8), 'YYYYMMDD') AS day
      FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
      WHERE inhparent = to_regclass('outbox') AND relname ~ '_[0-9]{8}$'),
    bounds AS (
      SELECT count(*) AS days, min(day) AS low, max(day) + 1 AS high,
             count(*) FILTER (WHERE day > (now() AT TIME ZONE 'UTC')::date) AS ahead
      FROM leaves)
    SELECT relkind = 'p', days, ahead,
           lpad(to_hex((extract(epoch FROM low::timestamp) * 1000)::bigint), 12, '0')
             || '00000000000000000000',
           lpad(to_hex((extract(epoch FROM high::timestamp) * 1000)::bigint), 12, '0')
             || '00000000000000000000',
           coalesce(pg_relation_size(to_regclass('outbox_default')), 0)
    FROM bounds, pg_class WHERE oid = to_regclass('outbox')
  )sql");
  if (!row.ok()) return Unanswered(symptoms, "partitions", row.status());
  if (!row->Bool(0, 0)) {
    symptoms.Warn("partitions", "the table has none: what is published cannot go cheaply",
                  "see libs/outbox/migrations for a partitioned outbox");
    return;
  }
  const int64_t days = row->Int64(0, 1), ahead = row->Int64(0, 2);
  if (ahead < kFewestPartitionsAhead && row->Int64(0, 5) > kLargeDefault) {
    symptoms.Warn(
        "partitions",
        absl::StrCat(
            ahead,
            " for the days to come: as DEFAULT is large, and writers wait while it is read, "
            "few are made, and only where ids are UUIDv7 of the present"),
        "have the writers make UUIDv7 ids; then, in a quiet hour, as the owner, for one day to "
        "come "
        "after the other: SELECT partitions_make('outbox', current_date + 1)");
  } else if (ahead < kFewestPartitionsAhead) {
    symptoms.Warn(
        "partitions", absl::StrCat(ahead, " for the days to come"),
        "a running relay makes them; by hand: SELECT partitions_create_ahead('outbox', 3)");
  } else {
    symptoms.Ok("partitions", absl::StrCat(days, " days, ", ahead, " of them to come"));
  }
  if (days == 0) return;
  auto outside = database.Execute(
      "SELECT count(*) FROM (SELECT FROM outbox WHERE id < $1::text::uuid OR id >= $2::text::uuid "
      "LIMIT 1000) rows",
      postgres::Params().Text(row->Text(0, 3)).Text(row->Text(0, 4)));
  if (!outside.ok()) return Unanswered(symptoms, "DEFAULT partition", outside.status());
  const int64_t count = outside->Int64(0, 0);
  if (count > 0) {
    symptoms.Warn(
        "DEFAULT partition",
        absl::StrCat(count == kCountUpTo ? "at least " : "", count,
                     " rows with ids that are of no day (no UUIDv7, or a wrong clock)"),
        "have the writers make UUIDv7 ids; these rows are published, and go only once all of them "
        "are past their retention");
  } else {
    symptoms.Ok("DEFAULT partition", "empty");
  }
}

std::vector<TopicInUse> TopicsInUse(postgres::Connection& database, Symptoms& symptoms) {
  std::vector<TopicInUse> topics;
  absl::StatusOr<std::string> payload = AsStreamed(database, "payload");
  if (!payload.ok()) {
    Unanswered(symptoms, "topics in use", payload.status());
    return topics;
  }
  auto rows = database.Execute(absl::StrCat(
      "SELECT topic, coalesce(max(octet_length(", *payload,
      ")), 0)::bigint FROM (SELECT topic, payload FROM outbox ORDER BY tx DESC LIMIT 10000) newest "
      "WHERE topic <> '' GROUP BY topic ORDER BY topic"));
  if (!rows.ok()) {
    Unanswered(symptoms, "topics in use", rows.status());
    return topics;
  }
  for (int i = 0; i < rows->rows(); ++i) {
    topics.push_back({std::string(rows->Text(i, 0)), rows->Int64(i, 1)});
  }
  symptoms.Ok("topics in use", absl::StrCat(topics.size(), " in the newest 10000 events"));
  return topics;
}

}  // namespace relay
