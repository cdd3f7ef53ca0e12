#include "outbox-relay/verbs/status.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/postgres/connection.h"
#include "libs/postgres/sql_error.h"
#include "libs/service/redact.h"
#include "outbox-relay/relay_config.h"
#include "outbox-relay/verbs/within.h"

namespace relay {
namespace {

using Clock = std::chrono::steady_clock;

// A relay that is up to date confirms the present within a second or so; until then a count could
// only be "at most".
constexpr std::chrono::milliseconds kConfirmPatience(1'500), kLookAgain(100);

struct StatusConfig {
  std::vector<std::string> sources;
  bool json = false;
  std::chrono::seconds timeout{15};
};

absl::Status Read(const std::string& conninfo, SourceStatus& status) {
  auto database = postgres::Connection::Open(conninfo, "outbox-relay status");
  if (!database.ok()) return database.status();
  absl::Status set = database->ExecuteScript("SET statement_timeout = '10s'");
  if (!set.ok()) return set;
  SampleHistory samples;
  const Clock::time_point until = Clock::now() + kConfirmPatience;
  for (;;) {
    if (absl::Status taken = TakeSample(*database, samples); !taken.ok()) return taken;
    auto slot = ReadSlot(*database);
    if (!slot.ok()) return slot.status();
    status.slot = *std::move(slot);
    const bool confirmed = samples.NewestAt(status.slot.confirmed) != nullptr;
    if (confirmed || !status.slot.active_pid.has_value() || Clock::now() >= until) break;
    std::this_thread::sleep_for(kLookAgain);
  }
  Lsn recorded;
  if (samples.NewestAt(status.slot.confirmed) == nullptr) {
    samples.Clear();
    auto loaded = LoadRecordedSamples(*database, status.slot.name, samples);
    if (!loaded.ok()) return loaded.status();
    recorded = *loaded;
  }
  auto lag = ReadLag(*database, status.slot, samples, recorded);
  if (!lag.ok()) {
    return postgres::SqlState(lag.status()) == "42P01"
               ? absl::NotFoundError(
                     "this database has no table outbox: run the service's "
                     "`migrate` verb, or check the source's database")
               : lag.status();
  }
  status.lag = *lag;
  auto parked = CountParkedKeys(*database);
  if (!parked.ok()) return parked.status();
  status.parked_keys = parked->value_or(0);
  auto pause = ReadPause(*database);
  if (!pause.ok()) return pause.status();
  status.pause = *std::move(pause);
  return absl::OkStatus();
}

SourceStatus Ask(const NamedSource& source) {
  SourceStatus status{.source = source.name};
  const absl::Status error = Read(source.conninfo, status);
  if (!error.ok()) {
    status.error = absl::Status(error.code(), service::Redact(std::string(error.message())));
  }
  return status;
}

int Status(const StatusConfig& config) {
  const std::vector<NamedSource> sources = ToSources(config.sources);
  std::vector<std::function<SourceStatus()>> questions;
  for (const NamedSource& source : sources) questions.push_back([source] { return Ask(source); });
  const auto answers = AllWithin<SourceStatus>(config.timeout, std::move(questions));
  bool all = true;
  for (size_t i = 0; i < answers.size(); ++i) {
    SourceStatus silent{.source = sources[i].name,
                        .error = absl::DeadlineExceededError(absl::StrCat(
                            "no answer within ", config.timeout.count(), " s (--timeout_s)"))};
    const SourceStatus& status = answers[i].has_value() ? *answers[i] : silent;
    all = all && status.error.ok();
    const std::string text = config.json ? ToJson(status) + "\n" : ToText(status);
    std::fwrite(text.data(), 1, text.size(), stdout);
  }
  std::fflush(stdout);
  if (!all) std::_Exit(1);  // a question may still be open
  return 0;
}

}  // namespace

void AddStatusVerb(Verbs& verbs) {
  auto config = std::make_shared<StatusConfig>();
  service::Verb& status =
      verbs.Add("status",
                "Says how far each source is, from its database: works when no relay runs. Exit "
                "code 1 if a database does not answer.",
                [config] { return Status(*config); });
  AddSourceFlag(verbs.flags(), status, &config->sources);
  status.Add(&config->json, {.name = "json", .help = "One JSON object a source, each in a line."});
  status.Add(&config->timeout, {.name = "timeout_s",
                                .help = "Seconds to wait for the databases.",
                                .check = service::InRange(1, 3600)});
  status.AddExample("--source=order-service=postgresql://order_service_relay@db/order_service");
  status.AddExample("--source=order-service=postgresql://… --json | jq .lag.events");
}

}  // namespace relay
