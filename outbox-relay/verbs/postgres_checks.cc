#include "outbox-relay/verbs/postgres_checks.h"

#include <chrono>
#include <optional>

#include "absl/strings/str_cat.h"
#include "libs/outbox/slot.h"
#include "libs/postgres/sql_error.h"
#include "outbox-relay/parking/parked_at_start.h"
#include "outbox-relay/pause/pause_row.h"
#include "outbox-relay/source/publication.h"
#include "outbox-relay/source/replication_checks.h"
#include "outbox-relay/source/replication_connect.h"
#include "outbox-relay/source/slot_state.h"
#include "outbox-relay/verbs/history_check.h"
#include "outbox-relay/verbs/status.h"
#include "outbox-relay/watch/outbox_reading.h"

namespace relay {
namespace {

void Unanswered(Symptoms& symptoms, const std::string& check, const absl::Status& status) {
  symptoms.Fail(check, absl::StrCat("cannot be read: ", status.message()),
                "look at the server's log; run doctor again");
}

// How much of a limited resource is taken.
void CheckLeft(Symptoms& symptoms, const std::string& setting, const std::string& what,
               int64_t used, int64_t most, bool ours_is_among_them) {
  const std::string text = absl::StrCat(used, " of ", most, " in use");
  const std::string fix = absl::StrCat("raise ", setting, " (ALTER SYSTEM SET ", setting, " = ",
                                       most + 10, ") and restart Postgres, or free some: ", what);
  if (used < most) {
    symptoms.Ok(setting, text);
  } else if (ours_is_among_them) {
    symptoms.Warn(setting, absl::StrCat(text, ": ours among them, none left"), fix);
  } else {
    symptoms.Fail(setting, text, fix);
  }
}

// Whether the role gets a replication session, and what it finds there.
void CheckReplication(const std::string& conninfo, Symptoms& symptoms) {
  auto connection = ConnectForReplication(conninfo, std::chrono::seconds(10), /*stop_fd=*/-1);
  if (!connection.ok()) {
    symptoms.Fail("replication", std::string(connection.status().message()),
                  "the role needs REPLICATION (ALTER ROLE … REPLICATION), pg_hba.conf must let it "
                  "into the database, and a walsender must be free (max_wal_senders)");
    return;
  }
  auto identity = Identify(connection->get());
  if (!identity.ok()) {
    symptoms.Fail("replication", std::string(identity.status().message()),
                  "see what the server's log says");
    return;
  }
  symptoms.Ok("replication",
              absl::StrCat("the role gets a replication session (cluster ", identity->system_id,
                           ", timeline ", identity->timeline, ")"));
}

}  // namespace

void CheckServer(postgres::Connection& database, Symptoms& symptoms) {
  auto row = database.Execute(R"sql(
    SELECT current_setting('server_version_num')::bigint, current_setting('server_version'),
           pg_is_in_recovery(), current_setting('wal_level'), current_setting('fsync'),
           (SELECT count(*) FROM pg_replication_slots),
           current_setting('max_replication_slots')::bigint,
           (SELECT count(*) FROM pg_stat_replication), current_setting('max_wal_senders')::bigint,
           EXISTS (SELECT FROM pg_replication_slots
                    WHERE slot_name = 'outbox_' || current_database()),
           (SELECT setting::bigint FROM pg_settings WHERE name = 'max_slot_wal_keep_size'),
           current_setting('max_slot_wal_keep_size')
  )sql");
  if (!row.ok()) return Unanswered(symptoms, "server", row.status());
  const std::string version(row->Text(0, 1));
  if (row->Int64(0, 0) < 140000) {
    symptoms.Fail("version", absl::StrCat("Postgres ", version),
                  "upgrade to 14 or later: the relay needs pgoutput's binary mode");
  } else {
    symptoms.Ok("version", absl::StrCat("Postgres ", version));
  }
  if (row->Bool(0, 2)) {
    symptoms.Fail("server",
                  "it is a standby: it takes no new slots and its outbox none of our writes",
                  "point the source at the primary");
  }
  const std::string wal_level(row->Text(0, 3));
  if (wal_level == "logical") {
    symptoms.Ok("wal_level", wal_level);
  } else {
    symptoms.Fail("wal_level", wal_level,
                  "ALTER SYSTEM SET wal_level = logical, then restart Postgres");
  }
  if (row->Text(0, 4) != "on") {
    symptoms.Warn("fsync", "off: a crash loses commits that were published already",
                  "ALTER SYSTEM SET fsync = on, and reload");
  }
  CheckLeft(symptoms, "max_replication_slots",
            "SELECT * FROM pg_replication_slots WHERE NOT active", row->Int64(0, 5),
            row->Int64(0, 6), row->Bool(0, 9));
  CheckLeft(symptoms, "max_wal_senders", "SELECT * FROM pg_stat_replication", row->Int64(0, 7),
            row->Int64(0, 8), false);
  if (row->Int64(0, 10) < 0) {
    symptoms.Warn("max_slot_wal_keep_size",
                  "no limit: a relay that stays away fills the disk with log",
                  "set it to what the disk can spare, and alert on outbox_slot_retained_wal_bytes "
                  "well before");
  } else {
    symptoms.Ok("max_slot_wal_keep_size", std::string(row->Text(0, 11)));
  }
}

void CheckRole(postgres::Connection& database, Symptoms& symptoms) {
  auto row = database.Execute(R"sql(
    SELECT current_user::text, rolreplication OR rolsuper, rolsuper,
           coalesce(has_table_privilege(to_regclass('outbox'), 'SELECT'), true),
           coalesce(has_function_privilege(to_regprocedure('partitions_create_ahead(text, integer)'),
                                           'EXECUTE'), true),
           to_regclass('outbox_pause') IS NOT NULL,
           coalesce(has_table_privilege(to_regclass('outbox_pause'), 'SELECT'), true),
           to_regclass('outbox') IS NULL,
           coalesce(has_table_privilege(to_regclass('outbox_relay_state'), 'SELECT')
                    AND has_table_privilege(to_regclass('outbox_relay_state'), 'INSERT'), false)
    FROM pg_roles WHERE rolname = current_user
  )sql");
  if (!row.ok() || row->rows() != 1) return Unanswered(symptoms, "role", row.status());
  const std::string role(row->Text(0, 0));
  const auto grant = [&](const char* what) { return absl::StrCat("as the owner: ", what, role); };
  if (!row->Bool(0, 1)) {
    symptoms.Fail("role", absl::StrCat(role, " may not replicate"),
                  absl::StrCat("as superuser: ALTER ROLE ", role, " REPLICATION"));
  } else if (row->Bool(0, 2)) {
    symptoms.Warn("role", absl::StrCat(role, " is a superuser"),
                  "give the relay a role of its own: LOGIN REPLICATION, SELECT on outbox");
  } else {
    symptoms.Ok("role", absl::StrCat(role, " may replicate"));
  }
  // Without the outbox itself there is nothing of what comes with it.
  const bool no_outbox = row->Bool(0, 7);
  constexpr char kMigrate[] =
      "run the service's `migrate` verb, or `outbox-relay setup --create_table`: it makes what is "
      "missing and grants it to the relay's role";
  if (!no_outbox && !row->Bool(0, 8)) {
    symptoms.Fail(
        "outbox_relay_state",
        absl::StrCat("there is no such table, or ", role,
                     " may not write it: no position can be recorded, and nothing is sent"),
        kMigrate);
  }
  const absl::Status parked = parked::CheckTables(database);
  if (!no_outbox && absl::IsNotFound(parked)) {
    symptoms.Warn("outbox_parked",
                  "there is no such table: an event that Kafka refuses stops the source", kMigrate);
  } else if (!no_outbox && !parked.ok()) {
    symptoms.FailBy("outbox_parked", parked);
  }
  if (!row->Bool(0, 3)) {
    symptoms.Fail("privileges", absl::StrCat(role, " may not read outbox: its lag stays unknown"),
                  grant("GRANT SELECT ON outbox TO "));
  } else if (!row->Bool(0, 4)) {
    symptoms.Warn("privileges", absl::StrCat(role, " may not have tomorrow's partitions made"),
                  grant("GRANT EXECUTE ON FUNCTION partitions_create_ahead(text, integer) TO "));
  } else if (row->Bool(0, 5) && !row->Bool(0, 6)) {
    symptoms.Warn("privileges",
                  absl::StrCat(role, " may not read outbox_pause: no pause reaches it"),
                  grant("GRANT SELECT, INSERT, DELETE ON outbox_pause TO "));
  } else {
    symptoms.Ok("privileges", absl::StrCat(role, " has what run needs"));
  }
}

void CheckPublicationOf(postgres::Connection& database, Symptoms& symptoms) {
  absl::StatusOr<Publication> publication = ReadPublication(database.raw());
  if (!publication.ok()) return Unanswered(symptoms, "publication", publication.status());
  if (const auto fault = FaultOf(*publication)) {
    symptoms.Fail("publication", fault->what, fault->fix);
  } else if (publication->outbox_is_partitioned && !publication->via_root) {
    symptoms.Warn("publication", "it sends rows under their partitions' names",
                  absl::StrCat("as its owner: ALTER PUBLICATION outbox SET "
                               "(publish_via_partition_root = true)",
                               kAfterAltering));
  } else if (publication->sends_more) {
    symptoms.Warn("publication", "it sends updates, deletes or truncates, which the relay ignores",
                  absl::StrCat("leave it, or, as its owner: ALTER PUBLICATION outbox SET (publish "
                               "= 'insert')",
                               kAfterAltering));
  } else if (publication->has_others) {
    symptoms.Warn("publication", "it has other tables than outbox, which must be outboxes too",
                  "ALTER PUBLICATION outbox DROP TABLE …, unless that is meant");
  } else {
    symptoms.Ok("publication", "inserts into outbox, and nothing else");
  }
}

// Where standbys synchronize slots, one that is not meant for it goes down with the primary.
void CheckFailover(postgres::Connection& database, const std::string& slot, Symptoms& symptoms) {
  if (PQserverVersion(database.raw()) < outbox::kFailoverSlotsSince) return;
  auto row = database.Execute(
      "SELECT failover, current_setting('sync_replication_slots') = 'on' OR "
      "current_setting('synchronized_standby_slots') <> '' "
      "FROM pg_replication_slots WHERE slot_name = $1::text",
      postgres::Params().Text(slot));
  if (!row.ok()) return Unanswered(symptoms, "failover", row.status());
  if (row->rows() == 0) return;
  if (row->Bool(0, 0)) {
    symptoms.Ok("failover", "standbys may synchronize the slot");
  } else if (row->Bool(0, 1)) {
    symptoms.Warn("failover", "standbys synchronize slots, but not this one: a promotion loses it",
                  absl::StrCat("while no relay streams, as the relay's role over psql "
                               "'dbname=… replication=database': ALTER_REPLICATION_SLOT ",
                               slot, " (FAILOVER true)"));
  }
}

void CheckSlotOf(postgres::Connection& database, Symptoms& symptoms) {
  absl::StatusOr<SlotReading> slot = ReadSlot(database);
  if (!slot.ok()) return Unanswered(symptoms, "slot", slot.status());
  auto current =
      database.Execute("SELECT current_database()::text, to_regclass('outbox') IS NOT NULL");
  if (!current.ok()) return Unanswered(symptoms, "slot", current.status());
  const std::string name(current->Text(0, 0));
  if (!slot->exists) {
    symptoms.Fail(
        "slot", absl::StrCat("there is no replication slot ", slot->name),
        absl::StrCat("run the service's `migrate` verb, or `outbox-relay setup`. If relays have "
                     "published from one before, ",
                     kSlotGoneFix));
  } else if (slot->type != "logical" || slot->plugin != "pgoutput" || slot->database != name) {
    symptoms.Fail(
        "slot",
        absl::StrCat(slot->name, " is of type ", slot->type, ", plugin ", slot->plugin,
                     ", database ", slot->database, "; needed: logical, pgoutput, ", name),
        absl::StrCat("drop it, if nobody uses it (SELECT pg_drop_replication_slot('", slot->name,
                     "')), then run the service's `migrate` verb"));
  } else if (slot->wal_status == "lost") {
    symptoms.Fail("slot", "Postgres has removed log that it still needed (max_slot_wal_keep_size)",
                  kSlotGoneFix);
  } else if (slot->wal_status == "unreserved" ||
             (slot->safe_bytes.has_value() && *slot->safe_bytes < slot->retained_bytes)) {
    symptoms.Warn("slot",
                  absl::StrCat("it is lost after ", HumanBytes(slot->safe_bytes.value_or(0)),
                               " more of log; it keeps ", HumanBytes(slot->retained_bytes)),
                  "let the relay catch up now, or raise max_slot_wal_keep_size and reload");
  } else {
    symptoms.Ok("slot", absl::StrCat(slot->name, ", confirmed ", ToString(slot->confirmed),
                                     ", keeps ", HumanBytes(slot->retained_bytes), " of log, ",
                                     slot->active_pid.has_value()
                                         ? absl::StrCat("used by server process ",
                                                        *slot->active_pid, " ", slot->application)
                                         : "used by nobody now"));
  }
  CheckFailover(database, slot->name, symptoms);
  auto pause = ReadPause(database);
  if (pause.ok() && pause->has_value()) {
    symptoms.Warn("pause",
                  absl::StrCat("paused since ", (*pause)->since, " by ", (*pause)->by,
                               (*pause)->reason.empty() ? "" : ": ", (*pause)->reason),
                  "outbox-relay resume, once the reason is gone");
  }
}

SourceReport CheckSource(const std::string& conninfo, const StateTopicOptions& state_topic) {
  SourceReport report;
  auto database = postgres::Connection::Open(conninfo, "outbox-relay doctor");
  if (!database.ok()) {
    report.symptoms.Fail(
        "connection", std::string(database.status().message()),
        "check host, port, database, role and password of the source, that Postgres "
        "runs, and its pg_hba.conf");
    return report;
  }
  report.symptoms.Ok("connection", "Postgres answers");
  absl::Status set = database->ExecuteScript(
      "SET default_transaction_read_only = on; SET statement_timeout = '10s'; "
      "SET lock_timeout = '2s'");
  if (!set.ok()) Unanswered(report.symptoms, "connection", set);
  CheckServer(*database, report.symptoms);
  CheckRole(*database, report.symptoms);
  CheckReplication(conninfo, report.symptoms);
  CheckPublicationOf(*database, report.symptoms);
  CheckSlotOf(*database, report.symptoms);
  CheckHistory(*database, conninfo, state_topic, report.symptoms);
  if (CheckTable(*database, report.symptoms)) {
    CheckPartitions(*database, report.symptoms);
    report.topics = TopicsInUse(*database, report.symptoms);
  }
  return report;
}

}  // namespace relay
