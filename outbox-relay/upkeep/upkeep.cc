#include "outbox-relay/upkeep/upkeep.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/telemetry/log.h"
#include "libs/waiting/until_stop.h"
#include "outbox-relay/watch/outbox_reading.h"

namespace relay {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kEvery(1'000), kWhileHookRuns(100);
constexpr milliseconds kAnswer(75'000);  // longer than statement_timeout
constexpr milliseconds kFirstReconnect(1'000), kLongestReconnect(10'000);

}  // namespace

void AddWalBudgetFlag(service::Verb& verb, int* wal_budget_mb) {
  verb.Add(wal_budget_mb,
           {.name = "wal_budget_mb",
            .help = "MiB of write-ahead log that Postgres may keep for a slot: at 50, 80 and 95 % "
                    "there is a warning. 0: the server's max_slot_wal_keep_size, or 10240 where "
                    "that is unlimited.",
            .check = service::InRange(0, 100'000'000)});
}

void AddUpkeepFlags(service::Verb& run, UpkeepConfig* config) {
  run.Add(&config->outbox_retention_days,
          {.name = "outbox_retention_days",
           .help = "Days for which published rows are kept, so that they can be published again. "
                   "At most as long as the consumers' inboxes remember ids. 0 keeps them for "
                   "ever.",
           .check = service::InRange(0, 3650)});
  AddWalBudgetFlag(run, &config->wal_budget_mb);
  run.Add(&config->wal_budget_hook,
          {.name = "wal_budget_hook",
           .help = "A command for /bin/sh, run when 50, 80 or 95 % of the budget is crossed, with "
                   "OUTBOX_SOURCE, OUTBOX_SLOT, OUTBOX_WAL_THRESHOLD_PERCENT, "
                   "OUTBOX_WAL_USED_RATIO, OUTBOX_WAL_RETAINED_BYTES, OUTBOX_WAL_BUDGET_BYTES, "
                   "OUTBOX_WAL_SAFE_BYTES (empty if Postgres sets no limit) and OUTBOX_ADVICE in "
                   "its environment.",
           .example = "/usr/local/bin/page-the-operator"});
  run.Add(&config->wal_budget_hook_timeout, {.name = "wal_budget_hook_timeout_s",
                                             .help = "Seconds after which that command is killed.",
                                             .check = service::InRange(1, 3600)});
}

Upkeep::Upkeep(std::string name, std::string conninfo, const UpkeepConfig& config,
               prometheus::Registry& registry, const SourceState& state)
    : name_(std::move(name)),
      conninfo_(std::move(conninfo)),
      state_(state),
      metrics_(registry, name_),
      rotation_(name_, config.outbox_retention_days, metrics_),
      budget_(int64_t{config.wal_budget_mb} << 20),
      hook_(name_, config.wal_budget_hook, config.wal_budget_hook_timeout) {}

absl::Status Upkeep::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    hook_.Poll(Hook::Clock::now());
    milliseconds pause = Round();
    // A round waits for no command; between rounds it is looked after.
    while (!stop.stop_requested() && pause.count() > 0) {
      const milliseconds slice = hook_.running() ? std::min(pause, kWhileHookRuns) : pause;
      waiting::UntilStop(stop, slice);
      hook_.Poll(Hook::Clock::now());
      pause -= slice;
    }
  }
  return absl::OkStatus();
}

milliseconds Upkeep::Round() {
  absl::Status status = connection_ ? absl::OkStatus() : Connect();
  if (status.ok()) status = Turn();
  if (status.ok()) {
    reported_.clear();
    reconnect_pause_ = milliseconds(0);
    return kEvery;
  }
  if (connection_ && !connection_->usable()) connection_.reset();
  // The stream says what there is to say about a database that is away.
  if (!absl::IsUnavailable(status) && reported_ != status.message()) {
    reported_ = std::string(status.message());
    telemetry::Error("cannot look after the outbox and its slot",
                     {{"source", name_}, {"error", reported_}});
  }
  reconnect_pause_ = std::clamp(reconnect_pause_ * 2, kFirstReconnect, kLongestReconnect);
  return reconnect_pause_;
}

absl::Status Upkeep::Connect() {
  absl::StatusOr<postgres::Connection> connection =
      postgres::Connection::Open(conninfo_, "outbox-relay upkeep");
  if (!connection.ok()) return connection.status();
  connection_.emplace(*std::move(connection));
  connection_->SetAnswerTimeout(kAnswer);
  rotation_.Forget();
  return connection_->ExecuteScript("SET lock_timeout = '50ms'; SET statement_timeout = '60s'");
}

absl::Status Upkeep::Turn() {
  absl::StatusOr<Lsn> slot_confirmed = WatchWal();
  if (!slot_confirmed.ok()) return slot_confirmed.status();
  // The slot's position alone would be that of another relay, or of somebody who moved it.
  return rotation_.Turn(*connection_, std::min(state_.confirmed(), *slot_confirmed));
}

absl::StatusOr<Lsn> Upkeep::WatchWal() {
  absl::StatusOr<SlotReading> slot = ReadSlot(*connection_);
  if (!slot.ok()) return slot.status();
  // The stream says that it is missing, or another database's.
  if (!slot->exists || slot->name != absl::StrCat("outbox_", slot->database)) return Lsn{};
  const WalReading reading = WalReadingOf(*slot);
  if (reading.safe_left) {
    metrics_.SetSafeWal(*reading.safe_left);
  } else if (reading.lost) {
    metrics_.SetSafeWal(0);
  }
  const double used = budget_.UsedRatio(reading);
  metrics_.SetWalBudget(budget_.BudgetFor(reading), used);
  if (const int threshold = budget_.Cross(used); threshold > 0) {
    Report(reading, slot->name, threshold);
  }
  return slot->confirmed;
}

void Upkeep::Report(const WalReading& reading, const std::string& slot, int threshold) {
  const double used = budget_.UsedRatio(reading);
  const int64_t budget = budget_.BudgetFor(reading);
  const std::string advice = WalAdvice(reading);
  const std::string safe = reading.safe_left ? absl::StrCat(*reading.safe_left) : "";
  telemetry::Log(threshold >= 95 ? telemetry::Level::kError : telemetry::Level::kWarn,
                 "Postgres keeps much of its log for the slot",
                 {{"source", name_},
                  {"slot", slot},
                  {"threshold_percent", threshold},
                  {"used_ratio", used},
                  {"retained_bytes", reading.retained},
                  {"budget_bytes", budget},
                  {"safe_bytes", safe},
                  {"fix", advice}});
  hook_.Run({{"OUTBOX_SOURCE", name_},
             {"OUTBOX_SLOT", slot},
             {"OUTBOX_WAL_THRESHOLD_PERCENT", absl::StrCat(threshold)},
             {"OUTBOX_WAL_USED_RATIO", absl::StrCat(used)},
             {"OUTBOX_WAL_RETAINED_BYTES", absl::StrCat(reading.retained)},
             {"OUTBOX_WAL_BUDGET_BYTES", absl::StrCat(budget)},
             {"OUTBOX_WAL_SAFE_BYTES", safe},
             {"OUTBOX_ADVICE", advice}});
}

}  // namespace relay
