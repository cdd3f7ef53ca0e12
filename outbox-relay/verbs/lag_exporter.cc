#include "outbox-relay/verbs/lag_exporter.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "libs/postgres/sql_error.h"
#include "libs/service/loop.h"
#include "libs/service/redact.h"
#include "libs/service/runtime.h"
#include "libs/telemetry/log.h"
#include "libs/waiting/until_stop.h"
#include "outbox-relay/pause/pause_row.h"
#include "outbox-relay/relay_config.h"
#include "outbox-relay/upkeep/upkeep.h"
#include "outbox-relay/watch/outbox_reading.h"
#include "prometheus/gauge.h"

namespace relay {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSampleEvery(100), kExportEvery(1'000);
constexpr milliseconds kAnswer(40'000);  // longer than statement_timeout
constexpr milliseconds kFirstReconnect(250), kLongestReconnect(5'000);
// A count over a large backlog may take this share of the time at most.
constexpr int kCountShare = 20;

}  // namespace

struct LagExporter::Gauges {
  Gauges(prometheus::Registry& registry, const std::string& source)
      : registry(registry),
        source(source),
        events(Make("outbox_unpublished_events",
                    "Committed outbox rows that are not known to be at Kafka.")),
        oldest_age(Make("outbox_oldest_unpublished_age_seconds",
                        "Age of the oldest of them; 0 if there is none.")),
        retained(Make("outbox_slot_retained_wal_bytes",
                      "Write-ahead log that Postgres keeps for the slot.")),
        behind(Make("outbox_slot_unconfirmed_wal_bytes",
                    "Write-ahead log behind what the slot has confirmed.")),
        active(Make("outbox_slot_active", "1 while a relay streams from the slot.")),
        usable(Make("outbox_slot_usable",
                    "0 if the slot does not exist or its log is lost: nothing is published then.")),
        paused(Make("outbox_relay_paused",
                    "1 while the source is paused: outbox-relay resume ends that.")),
        budget(Make("outbox_wal_budget_bytes",
                    "Write-ahead log that Postgres may keep for the slot.")),
        budget_used(Make("outbox_wal_budget_used_ratio",
                         "How much of it is kept; at 1 the slot may be lost.")),
        up(Make("outbox_database_up", "1 if the database answered the last time.")) {}

  prometheus::Gauge& Make(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(
        {{"source", source}});
  }

  // Not made for a role that may not read them.
  prometheus::Gauge& ParkedKeys() {
    return Make("outbox_parked_keys",
                "Keys of which Kafka has refused an event: what follows waits for `outbox-relay "
                "parked release`.");
  }

  prometheus::Registry& registry;
  const std::string& source;
  prometheus::Gauge &events, &oldest_age, &retained, &behind, &active, &usable, &paused, &budget,
      &budget_used, &up;
};

LagExporter::LagExporter(std::string source, std::string conninfo, int64_t wal_budget,
                         prometheus::Registry& registry)
    : source_(std::move(source)),
      conninfo_(std::move(conninfo)),
      budget_(wal_budget),
      registry_(registry) {}

LagExporter::~LagExporter() = default;

absl::Status LagExporter::health() const {
  absl::MutexLock lock(&mutex_);
  return health_;
}

absl::Status LagExporter::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    waiting::UntilStop(stop, Round());
  }
  return absl::OkStatus();
}

milliseconds LagExporter::Round() {
  absl::Status status = connection_ ? absl::OkStatus() : Connect();
  if (status.ok()) status = TakeSample(*connection_, samples_);
  if (status.ok() && Clock::now() < export_at_) return kSampleEvery;
  if (status.ok()) status = Export();
  if (!status.ok()) {
    status = absl::Status(status.code(), service::Redact(std::string(status.message())));
    if (!connection_ || !connection_->usable()) connection_.reset();
    if (gauges_ != nullptr) gauges_->up.Set(0);
    reconnect_pause_ = std::clamp(reconnect_pause_ * 2, kFirstReconnect, kLongestReconnect);
  } else {
    reconnect_pause_ = milliseconds(0);
  }
  absl::MutexLock lock(&mutex_);
  if (!status.ok() && status != health_) {
    telemetry::Warn("cannot read the lag; trying again",
                    {{"source", source_}, {"error", std::string(status.message())}});
  } else if (status.ok() && !health_.ok()) {
    telemetry::Info("reading the lag", {{"source", source_}});
  }
  health_ = status;
  return status.ok() ? kSampleEvery : reconnect_pause_;
}

absl::Status LagExporter::Connect() {
  auto connection = postgres::Connection::Open(conninfo_, "outbox-relay lag-exporter");
  if (!connection.ok()) return connection.status();
  connection_.emplace(*std::move(connection));
  connection_->SetAnswerTimeout(kAnswer);
  samples_.Clear();  // the server may be another one
  absl::Status set =
      connection_->ExecuteScript("SET lock_timeout = '2s'; SET statement_timeout = '30s'");
  if (!set.ok()) return set;
  auto slot = ReadSlot(*connection_);
  if (!slot.ok()) return slot.status();
  auto recorded = LoadRecordedSamples(*connection_, slot->name, samples_);
  recorded_ = recorded.ok() ? *recorded : Lsn{};
  return recorded.status();
}

absl::Status LagExporter::Export() {
  const Clock::time_point start = Clock::now();
  auto slot = ReadSlot(*connection_);
  if (!slot.ok()) return slot.status();
  auto lag = ReadLag(*connection_, *slot, samples_, recorded_);
  if (!lag.ok()) {
    const std::string state = postgres::SqlState(lag.status());
    if (state != "42P01" && state != "42501") return lag.status();
    return absl::Status(lag.status().code(),
                        std::string(lag.status().message()) +
                            ". Fix: run the service's `migrate` verb, then as the outbox's owner: "
                            "GRANT SELECT (tx, created_at) ON outbox TO this role");
  }
  auto pause = ReadPause(*connection_);
  if (!pause.ok()) return pause.status();
  auto parked = CountParkedKeys(*connection_);
  if (!parked.ok()) return parked.status();
  if (gauges_ == nullptr) gauges_ = std::make_unique<Gauges>(registry_, source_);
  gauges_->events.Set(static_cast<double>(lag->events));
  gauges_->oldest_age.Set(static_cast<double>(lag->oldest_age_microseconds) / 1e6);
  gauges_->retained.Set(static_cast<double>(slot->retained_bytes));
  gauges_->behind.Set(static_cast<double>(slot->behind_bytes));
  gauges_->active.Set(slot->active_pid.has_value() ? 1 : 0);
  gauges_->usable.Set(slot->exists && slot->wal_status != "lost" ? 1 : 0);
  const WalReading wal = WalReadingOf(*slot);
  gauges_->budget.Set(static_cast<double>(budget_.BudgetFor(wal)));
  gauges_->budget_used.Set(budget_.UsedRatio(wal));
  if (*parked) gauges_->ParkedKeys().Set(static_cast<double>(**parked));
  gauges_->paused.Set(pause->has_value() ? 1 : 0);
  gauges_->up.Set(1);
  const auto took = std::chrono::ceil<milliseconds>(Clock::now() - start);
  export_at_ = start + std::max(kExportEvery, took * kCountShare);
  return absl::OkStatus();
}

namespace {

struct LagExporterConfig {
  std::vector<std::string> sources;
  int wal_budget_mb = 0;
  service::RuntimeConfig runtime;
};

int RunExporter(const service::Flags& flags, const LagExporterConfig& config) {
  service::Runtime runtime(flags, config.runtime);
  std::vector<std::unique_ptr<LagExporter>> exporters;
  std::vector<std::unique_ptr<service::Loop>> loops;
  std::vector<service::Component*> components;
  for (const NamedSource& source : ToSources(config.sources)) {
    exporters.push_back(std::make_unique<LagExporter>(
        source.name, source.conninfo, int64_t{config.wal_budget_mb} << 20, runtime.metrics()));
    LagExporter* const exporter = exporters.back().get();
    loops.push_back(std::make_unique<service::Loop>(
        "lag " + source.name, [exporter](std::stop_token stop) { return exporter->Run(stop); }));
    components.push_back(loops.back().get());
    runtime.http().AddReadinessCheck(source.name, [exporter] { return exporter->health(); });
  }
  return runtime.Run(std::span<service::Component* const>(components));
}

}  // namespace

void AddLagExporterVerb(Verbs& verbs) {
  auto config = std::make_shared<LagExporterConfig>();
  config->runtime.http_address = "127.0.0.1:21106";
  service::Verb& verb = verbs.Add(
      "lag-exporter",
      "Exports the lag at /metrics, read from the databases alone, until SIGTERM. Run it apart "
      "from "
      "the relay. Its role needs LOGIN and SELECT on the columns tx and created_at of outbox, and, "
      "to know of pauses, of what was published before and of parked keys, SELECT on "
      "outbox_pause, outbox_relay_state and outbox_parked_keys.",
      [&verbs, config] { return RunExporter(verbs.flags(), *config); });
  AddSourceFlag(verbs.flags(), verb, &config->sources);
  AddWalBudgetFlag(verb, &config->wal_budget_mb);
  service::AddRuntimeFlags(verb, &config->runtime);
  verb.AddExample(
      "--source=order-service=postgresql://outbox_lag@db/order_service "
      "--http_address=0.0.0.0:21106");
}

}  // namespace relay
