#include "libs/program/database.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_join.h"
#include "libs/outbox/slot.h"
#include "libs/postgres/preflight.h"
#include "libs/telemetry/log.h"
#include "libs/telemetry/metrics.h"

namespace program {
namespace {

constexpr char kApplication[] = "migrate";

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "migrate: %s\n", std::string(status.message()).c_str());
  return 1;
}

// The first process of a container has no default action for SIGTERM. What was under way is rolled
// back, and done by the next run.
void EndOnSigterm() {
  signal(SIGTERM, [](int) { _exit(1); });
}

// Tries once a second until `deadline`, and says what it waits for when that changes: a database
// that starts at the same time, a role that is not there yet.
absl::StatusOr<postgres::Connection> OpenBefore(std::chrono::steady_clock::time_point deadline,
                                                const std::string& conninfo) {
  constexpr std::chrono::seconds kPause(1);
  for (absl::Status said;;) {
    auto connection = postgres::Connection::Open(conninfo, kApplication);
    if (connection.ok() || std::chrono::steady_clock::now() + kPause > deadline) return connection;
    if (connection.status() != said) {
      said = connection.status();
      std::printf("waiting: %s\n", std::string(said.message()).c_str());
      std::fflush(stdout);
    }
    std::this_thread::sleep_for(kPause);
  }
}

absl::Status AskDatabase(postgres::Pool& pool) {
  // What broke while it lay idle says nothing about the database now: the next connection does, and
  // after the last of them a new one.
  constexpr int kMaxAttempts = 1'000;
  for (int attempt = 1;; ++attempt) {
    auto lease = pool.Acquire(absl::Milliseconds(500));
    // All busy is busy, not away.
    if (absl::IsResourceExhausted(lease.status())) return absl::OkStatus();
    if (!lease.ok()) return lease.status();
    absl::Status answer = (*lease)->Execute("SELECT 1").status();
    if (answer.ok() || (*lease)->usable() || attempt == kMaxAttempts) return answer;
  }
}

}  // namespace

int Migrate(const ServiceConfig& config, const MigrationSets& sets) {
  EndOnSigterm();
  const auto deadline = std::chrono::steady_clock::now() + config.database_wait;
  auto owner = OpenBefore(deadline, config.owner_database);
  if (!owner.ok()) return Fail(owner.status());
  auto relay = OpenBefore(deadline, config.relay_database);
  if (!relay.ok()) return Fail(relay.status());

  auto applied = postgres::Migrate(
      *owner, sets, {{"service_role", config.service_role}, {"relay_role", PQuser(relay->raw())}});
  if (!applied.ok()) return Fail(applied.status());
  for (const std::string& name : *applied) std::printf("applied %s\n", name.c_str());
  auto ahead = postgres::CheckMigrated(*owner, sets);
  if (!ahead.ok()) return Fail(ahead.status());
  for (const std::string& name : *ahead) {
    std::printf("%s is of a newer release: it stays as it is\n", name.c_str());
  }

  const std::string slot = outbox::SlotName(PQdb(relay->raw()));
  std::printf("slot %s: making sure of it (waits for open transactions of the whole server)\n",
              slot.c_str());
  std::fflush(stdout);
  auto made = outbox::CreateSlot(*relay);
  if (!made.ok()) return Fail(made.status());
  std::printf("slot %s: %s\n%s\n", slot.c_str(), *made ? "made" : "is there",
              applied->empty() && !*made ? "nothing to do" : "done");
  return 0;
}

postgres::Pool::Check CheckDatabase(MigrationSets sets) {
  const auto warned = std::make_shared<std::atomic_flag>();
  return [sets = std::move(sets), warned](postgres::Connection& connection) {
    absl::Status session = postgres::CheckSession(connection);
    if (!session.ok()) return session;
    auto ahead = postgres::CheckMigrated(connection, sets);
    if (!ahead.ok()) return ahead.status();
    if (!ahead->empty() && !warned->test_and_set()) {
      telemetry::Warn(
          "the database is ahead of this program",
          {{"migrations", absl::StrJoin(*ahead, " ")},
           {"fix", "none during a rollout or after a rollback; else deploy the newer release"}});
    }
    return outbox::CheckSlot(connection);
  };
}

Pools::Pools(const ServiceConfig& config, const std::string& application, const MigrationSets& sets)
    : writes(config.database, application, (config.database_connections + 1) / 2,
             CheckDatabase(sets)),
      reads(config.database, application, config.database_connections / 2, CheckDatabase(sets)) {}

void AddPoolMetrics(const Pools& pools, telemetry::HttpEndpoint& http) {
  using Samples = telemetry::GaugeOnScrape::Samples;
  const auto of_both = [](double writes, double reads) -> Samples {
    return {{{{"pool", "writes"}}, writes}, {{{"pool", "reads"}}, reads}};
  };
  http.AddMetrics(std::make_shared<telemetry::GaugeOnScrape>(
      "postgres_pool_connections_in_use", "Connections that are lent at the moment.",
      [&pools, of_both] { return of_both(pools.writes.in_use(), pools.reads.in_use()); }));
  http.AddMetrics(std::make_shared<telemetry::GaugeOnScrape>(
      "postgres_pool_connections_max", "Connections that may be lent; then callers wait.",
      [&pools, of_both] { return of_both(pools.writes.size(), pools.reads.size()); }));
}

std::function<absl::Status()> DatabaseAnswers(postgres::Pool& pool) {
  struct Last {
    std::chrono::steady_clock::time_point asked = std::chrono::steady_clock::time_point::min();
    absl::Status answer;
  };
  return [&pool, last = std::make_shared<Last>()] {
    const auto now = std::chrono::steady_clock::now();
    if (last->asked + std::chrono::seconds(1) > now) return last->answer;
    last->answer = AskDatabase(pool);
    last->asked = now;
    return last->answer;
  };
}

}  // namespace program
