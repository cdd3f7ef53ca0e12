#include "outbox-relay/verbs/setup.h"

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "libs/outbox/migrations.h"
#include "libs/outbox/slot.h"
#include "libs/postgres/connection.h"
#include "libs/postgres/quote.h"
#include "libs/postgres/sql_error.h"
#include "libs/service/redact.h"
#include "outbox-relay/relay_config.h"
#include "outbox-relay/verbs/make_slot.h"
#include "outbox-relay/verbs/setup_plan.h"
#include "outbox-relay/watch/outbox_reading.h"

namespace relay {
namespace {

struct SetupConfig {
  std::vector<std::string> sources;
  std::string owner_database;
  std::string service_role;
  SetupWishes wishes;
  bool dry_run = false;
  bool yes = false;
};

const postgres::MigrationSet* const kMigrations[] = {&postgres::PartitionMigrations(),
                                                     &postgres::OutboxMigrations()};

// The database as the relay's role and as the outbox's owner, who may be one and the same.
struct Connections {
  postgres::Connection relay;
  postgres::Connection owner;

  postgres::Connection& As(Step::As as) { return as == Step::As::kOwner ? owner : relay; }
};

absl::StatusOr<Connections> Connect(const NamedSource& source, const SetupConfig& config) {
  auto relay = postgres::Connection::Open(source.conninfo, "outbox-relay setup");
  if (!relay.ok()) return relay.status();
  auto owner = postgres::Connection::Open(
      config.owner_database.empty() ? source.conninfo : config.owner_database,
      "outbox-relay setup");
  if (!owner.ok()) return owner.status();
  // The wrong database under the right name would be prepared in silence.
  static constexpr char kWhere[] =
      "SELECT current_database() || ' of ' || system_identifier FROM pg_control_system()";
  auto there = relay->Execute(kWhere), here = owner->Execute(kWhere);
  if (!there.ok()) return there.status();
  if (!here.ok()) return here.status();
  if (there->Text(0, 0) != here->Text(0, 0)) {
    return absl::InvalidArgumentError("--owner_database and --source are two different databases");
  }
  return Connections{*std::move(relay), *std::move(owner)};
}

absl::StatusOr<DatabaseState> ReadState(Connections& connections) {
  auto row = connections.owner.Execute(R"sql(
    SELECT current_database()::text, current_setting('wal_level'),
           to_regclass('outbox') IS NOT NULL
  )sql");
  if (!row.ok()) return row.status();
  DatabaseState state{.database = std::string(row->Text(0, 0)),
                      .wal_level = std::string(row->Text(0, 1)),
                      .server_version = PQserverVersion(connections.relay.raw()),
                      .has_table = row->Bool(0, 2)};
  absl::StatusOr<Publication> publication = ReadPublication(connections.owner.raw());
  if (!publication.ok()) return publication.status();
  state.publication = *std::move(publication);
  auto relay = connections.relay.Execute(
      "SELECT current_user::text, "
      "coalesce(has_table_privilege(to_regclass('outbox'), 'SELECT'), false)");
  if (!relay.ok()) return relay.status();
  state.relay_role = relay->Text(0, 0);
  state.relay_may_read = relay->Bool(0, 1);
  if (state.has_table) {
    auto rows = connections.owner.Execute("SELECT EXISTS (SELECT FROM outbox)");
    if (!rows.ok()) return rows.status();
    state.has_rows = rows->Bool(0, 0);
  }
  auto slot = ReadSlot(connections.relay);
  if (!slot.ok()) return slot.status();
  state.has_slot = slot->exists;
  state.slot_type = slot->type;
  state.slot_plugin = slot->plugin;
  state.slot_database = slot->database;
  state.active_pid = slot->active_pid;
  return state;
}

absl::Status Explained(const absl::Status& status, const Step& step, bool one_role) {
  std::string text =
      absl::StrCat(step.sql, ": ", absl::StripSuffix(status.message(), "."));  // a hint's
  const std::string sql_state = postgres::SqlState(status);
  if (sql_state == "42501") {
    absl::StrAppend(&text, step.as == Step::As::kRelay
                               ? ". Fix: the source's role needs REPLICATION"
                           : one_role ? ". Fix: pass --owner_database with the role that owns "
                                        "the outbox"
                                      : ". Fix: --owner_database must name the role that owns "
                                        "the outbox, with CREATE on the database");
  } else if (sql_state == "53400") {  // configuration limit exceeded
    absl::StrAppend(&text,
                    ". Fix: raise max_replication_slots and restart Postgres, or drop a slot "
                    "that nobody uses (SELECT * FROM pg_replication_slots WHERE NOT active)");
  }
  return absl::Status(status.code(), text);
}

absl::Status Do(Connections& connections, const std::vector<Step>& steps,
                const SetupConfig& config) {
  for (const Step& step : steps) {
    std::printf("  %s;  -- %s%s\n", step.sql.c_str(),
                step.makes_slot ? "over the replication protocol; " : "", step.why.c_str());
    std::fflush(stdout);
    if (config.dry_run || step.makes_slot) continue;
    auto done = connections.As(step.as).Execute(step.sql);
    if (!done.ok()) return Explained(done.status(), step, config.owner_database.empty());
  }
  return absl::OkStatus();
}

// A slot that was made and not recorded: `setup` was killed, or somebody made it by hand.
absl::Status SayIfMoved(postgres::Connection& relay, const std::string& slot) {
  auto row = relay.Execute(
      "SELECT to_regclass('outbox_relay_state') IS NOT NULL AND EXISTS (SELECT FROM "
      "pg_replication_slots WHERE slot_name = $1::text AND confirmed_flush_lsn IS NOT NULL)",
      postgres::Params().Text(slot));
  if (!row.ok()) return row.status();
  if (!row->Bool(0, 0)) return absl::OkStatus();
  auto moved = relay.Execute(
      "SELECT EXISTS (SELECT FROM outbox_relay_state s JOIN pg_replication_slots p ON slot_name = "
      "s.slot WHERE slot = $1::text AND confirmed_flush_lsn > confirmed)",
      postgres::Params().Text(slot));
  if (!moved.ok()) return moved.status();
  if (moved->Bool(0, 0)) {
    std::printf(
        "  the slot stands ahead of what relays have recorded: they will stop, and say what can be "
        "done (outbox-relay accept-history)\n");
  }
  return absl::OkStatus();
}

absl::Status CreateTable(Connections& connections, const DatabaseState& state,
                         const SetupConfig& config) {
  const postgres::MigrationVariables roles = {{"service_role", config.service_role},
                                              {"relay_role", state.relay_role}};
  if (config.dry_run) {
    for (const postgres::MigrationSet* set : kMigrations) {
      for (const postgres::Migration& migration : set->migrations) {
        std::string sql = migration.sql;
        for (const auto& [name, role] : roles) {
          absl::StrReplaceAll({{absl::StrCat("${", name, "}"), postgres::QuoteIdentifier(role)}},
                              &sql);
        }
        std::printf("-- %s %s\n%s\n", set->component.c_str(), migration.name.c_str(), sql.c_str());
      }
    }
    return absl::OkStatus();
  }
  auto made = postgres::Migrate(connections.owner, kMigrations, roles);
  if (!made.ok()) return made.status();
  for (const std::string& name : *made) std::printf("  %s\n", name.c_str());
  return absl::OkStatus();
}

absl::Status Setup(const NamedSource& source, const SetupConfig& config) {
  auto connections = Connect(source, config);
  if (!connections.ok()) return connections.status();
  auto state = ReadState(*connections);
  if (!state.ok()) return state.status();
  auto steps = PlanSetup(*state, config.wishes);
  if (!steps.ok()) return steps.status();
  const bool table = !state->has_table;
  std::printf("%s%s\n", source.name.c_str(),
              steps->empty() && !table ? ": nothing to do"
              : config.dry_run         ? ": this would be done"
                                       : ":");
  if (table || config.wishes.create_table) {
    absl::Status made = CreateTable(*connections, *state, config);
    if (!made.ok()) return made;
  }
  if (absl::Status done = Do(*connections, *steps, config); !done.ok()) return done;
  if (config.dry_run) return absl::OkStatus();
  const std::string slot = outbox::SlotName(state->database);
  if (state->has_slot) return SayIfMoved(connections->relay, slot);
  auto made = MakeSlot(source.conninfo, slot, config.wishes.skip_existing_rows);
  if (!made.ok()) return Explained(made.status(), steps->back(), config.owner_database.empty());
  if (made->rows_before > 0) {
    std::printf(
        "  %lld rows of the outbox are in no stream%s\n", static_cast<long long>(made->rows_before),
        made->unpublished
            ? absl::StrCat(", ", *made->unpublished, " of them not recorded as published").c_str()
            : "");
  }
  if (made->generation > 0) {
    std::printf("  what relays have recorded of an earlier slot counts no more (generation %lld)\n",
                static_cast<long long>(made->generation));
  }
  std::printf("  done; `outbox-relay doctor` looks it over\n");
  return absl::OkStatus();
}

absl::Status Teardown(const NamedSource& source, const SetupConfig& config) {
  auto connections = Connect(source, config);
  if (!connections.ok()) return connections.status();
  auto state = ReadState(*connections);
  if (!state.ok()) return state.status();
  auto steps = PlanTeardown(*state);
  if (!steps.ok()) return steps.status();
  if (steps->empty()) {
    std::printf("%s: nothing to do\n", source.name.c_str());
    return absl::OkStatus();
  }
  if (state->has_slot && state->has_table) {
    SampleHistory recorded;
    auto slot = ReadSlot(connections->relay);
    if (!slot.ok()) return slot.status();
    auto up_to = LoadRecordedSamples(connections->relay, slot->name, recorded);
    if (!up_to.ok()) return up_to.status();
    auto lag = ReadLag(connections->relay, *slot, recorded, *up_to);
    if (!lag.ok()) return lag.status();
    std::printf("%s: %s%lld events of the outbox are unpublished, and would be in no stream\n",
                source.name.c_str(), lag->sampled ? "" : "at most ",
                static_cast<long long>(lag->events));
  }
  if (!config.yes && !config.dry_run) {
    for (const Step& step : *steps) std::printf("  %s;\n", step.sql.c_str());
    std::fflush(stdout);
    return absl::FailedPreconditionError("nothing was done: --yes does the above");
  }
  return Do(*connections, *steps, config);
}

using Work = absl::Status (*)(const NamedSource&, const SetupConfig&);

int ForOneSource(const SetupConfig& config, Work work) {
  const NamedSource source = ToSources(config.sources).front();
  const absl::Status status = work(source, config);
  std::fflush(stdout);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s: %s\n", source.name.c_str(),
               service::Redact(std::string(status.message())).c_str());
  return 1;
}

void AddCommonFlags(Verbs& verbs, service::Verb& verb, SetupConfig* config) {
  AddSourceFlag(verbs.flags(), verb, &config->sources);
  verbs.flags().AddCheck(verb, [config] {
    return config->sources.size() == 1
               ? absl::OkStatus()
               : absl::InvalidArgumentError("--source (ORDER_SAGA_SOURCE): one database at a time");
  });
  verb.Add(&config->owner_database,
           {.name = "owner_database",
            .help = "The same database as the role that owns the outbox, which makes and drops the "
                    "publication; without it the source's role does.",
            .example = "postgresql://order_service_owner@db/order_service"});
  verb.Add(&config->dry_run, {.name = "dry_run", .help = "Prints the SQL and changes nothing."});
}

}  // namespace

void AddSetupVerbs(Verbs& verbs) {
  auto config = std::make_shared<SetupConfig>();
  service::Verb& setup = verbs.Add(
      "setup",
      "Makes publication and slot in a database that no `migrate` prepares; what is there "
      "stays. Refuses, and says why, where events would get lost.",
      [config] { return ForOneSource(*config, &Setup); });
  AddCommonFlags(verbs, setup, config.get());
  setup.Add(&config->wishes.create_table,
            {.name = "create_table",
             .help = "Makes the table outbox too, or brings one that it made up to date."});
  setup.Add(&config->service_role,
            {.name = "service_role",
             .help = "With --create_table: the role that may insert into the outbox."});
  setup.Add(&config->wishes.skip_existing_rows,
            {.name = "skip_existing_rows",
             .help = "Makes the slot although the outbox has rows: they are never sent."});
  verbs.flags().AddCheck(setup, [config] {
    return config->wishes.create_table && config->service_role.empty()
               ? absl::InvalidArgumentError(
                     "--create_table needs --service_role (ORDER_SAGA_SERVICE_ROLE): who may "
                     "insert")
               : absl::OkStatus();
  });
  setup.AddExample(
      "--source=shop=postgresql://shop_relay@db/shop "
      "--owner_database=postgresql://shop_owner@db/shop --dry_run");

  auto other = std::make_shared<SetupConfig>();
  service::Verb& teardown =
      verbs.Add("teardown",
                "Drops slot and publication, says what would be lost, and refuses while a relay "
                "streams. The table stays.",
                [other] { return ForOneSource(*other, &Teardown); });
  AddCommonFlags(verbs, teardown, other.get());
  teardown.Add(&other->yes, {.name = "yes", .help = "Does it."});
  teardown.AddExample(
      "--source=shop=postgresql://shop_relay@db/shop "
      "--owner_database=postgresql://shop_owner@db/shop --yes");
}

}  // namespace relay
