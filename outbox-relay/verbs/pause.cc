#include "outbox-relay/verbs/pause.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "libs/postgres/connection.h"
#include "libs/postgres/sql_error.h"
#include "outbox-relay/pause/pause_row.h"
#include "outbox-relay/relay_config.h"
#include "outbox-relay/source/slot_turn.h"
#include "outbox-relay/verbs/for_each_source.h"
#include "outbox-relay/watch/outbox_reading.h"

namespace relay {
namespace {

using Clock = std::chrono::steady_clock;

struct PauseConfig {
  std::vector<std::string> sources;
  std::string reason;
  std::string by;
  std::chrono::seconds wait{10};
};

absl::Status Explained(const absl::Status& status) {
  const std::string state = postgres::SqlState(status);
  if (state == "42P01") {
    return absl::FailedPreconditionError(
        "this database has no table outbox_pause: run the service's `migrate` verb, or "
        "`outbox-relay setup --create_table`");
  }
  if (state == "42501") {
    return absl::PermissionDeniedError(
        "the role may not write outbox_pause: use the relay's role, or GRANT SELECT, INSERT, "
        "DELETE "
        "ON outbox_pause TO it");
  }
  return status;
}

// Waits until no relay holds the slot, and none heals; says what came of it.
absl::StatusOr<std::string> AwaitNobodyStreams(postgres::Connection& database,
                                               std::chrono::seconds most) {
  const Clock::time_point until = Clock::now() + most;
  for (;;) {
    absl::StatusOr<SlotReading> slot = ReadSlot(database);
    if (!slot.ok()) return slot.status();
    absl::StatusOr<bool> heals = IsSlotTurnTaken(database, slot->name);
    if (!heals.ok()) return heals.status();
    if (!slot->active_pid && !*heals) {
      if (!slot->exists) return "; there is no slot";
      return absl::StrCat("; no relay streams, confirmed is ", ToString(slot->confirmed));
    }
    if (Clock::now() >= until && *heals) {
      return absl::DeadlineExceededError(
          absl::StrCat("paused, but after ", most.count(),
                       " s a relay still heals from the outbox's rows (it leaves off once Postgres "
                       "and Kafka have answered), or `setup` makes the slot: run pause again"));
    }
    if (Clock::now() >= until) {
      return absl::DeadlineExceededError(absl::StrCat(
          "paused, but a relay (server process ", *slot->active_pid,
          ") still holds the slot after ", most.count(),
          " s: Kafka may not be acknowledging what it has taken, or it is of a version "
          "that knows no pause"));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

absl::StatusOr<std::string> Pause(postgres::Connection& database, const PauseConfig& config) {
  auto made = database.Execute(
      "INSERT INTO outbox_pause (paused_by, reason) VALUES ($1, $2) ON CONFLICT DO NOTHING",
      postgres::Params().Text(config.by.empty() ? WhoAmI() : config.by).Text(config.reason));
  if (!made.ok()) return Explained(made.status());
  std::string text = "paused";
  if (made->affected() == 0) {
    auto row = ReadPause(database);
    if (!row.ok()) return row.status();
    text = "is paused already";
    if (row->has_value()) {
      absl::StrAppend(&text, " since ", (*row)->since, " by ", (*row)->by);
      if (!(*row)->reason.empty()) absl::StrAppend(&text, ": ", (*row)->reason);
    }
  }
  absl::StatusOr<std::string> left = AwaitNobodyStreams(database, config.wait);
  return left.ok() ? absl::StrCat(text, *left) : left;
}

absl::StatusOr<std::string> Resume(postgres::Connection& database, const PauseConfig&) {
  auto gone = database.Execute("DELETE FROM outbox_pause RETURNING paused_by");
  if (!gone.ok()) return Explained(gone.status());
  return gone->rows() == 0 ? "is not paused" : "resumed";
}

using Change = absl::StatusOr<std::string> (*)(postgres::Connection&, const PauseConfig&);

int DoForEach(const PauseConfig& config, Change change) {
  return ForEachSource(
      config.sources, "outbox-relay pause",
      [&](const std::string& source, postgres::Connection& database) -> absl::Status {
        absl::Status set = database.ExecuteScript("SET statement_timeout = '10s'");
        if (!set.ok()) return set;
        absl::StatusOr<std::string> done = change(database, config);
        if (!done.ok()) return done.status();
        std::printf("%s %s\n", source.c_str(), done->c_str());
        return absl::OkStatus();
      });
}

}  // namespace

void AddPauseVerbs(Verbs& verbs) {
  auto config = std::make_shared<PauseConfig>();
  service::Verb& pause = verbs.Add(
      "pause",
      "Has every relay of these sources stop publishing, now and after any restart or "
      "takeover, until `resume`. What they have taken goes out first; then they leave the "
      "slot. Postgres keeps the log meanwhile.",
      [config] { return DoForEach(*config, &Pause); });
  AddSourceFlag(verbs.flags(), pause, &config->sources);
  pause.Add(&config->reason, {.name = "reason", .help = "Why, for those who look at `status`."});
  pause.Add(&config->by, {.name = "by", .help = "Who; by default this user and host."});
  pause.Add(&config->wait, {.name = "wait_s",
                            .help = "Seconds to wait until the active relay has left the slot.",
                            .check = service::InRange(0, 3600)});
  pause.AddExample(
      "--source=order-service=postgresql://order_service_relay@db/order_service "
      "--reason='Kafka upgrade'");

  service::Verb& resume = verbs.Add("resume", "Ends a pause: relays go on within a second.",
                                    [config] { return DoForEach(*config, &Resume); });
  AddSourceFlag(verbs.flags(), resume, &config->sources);
  resume.AddExample("--source=order-service=postgresql://order_service_relay@db/order_service");
}

}  // namespace relay
