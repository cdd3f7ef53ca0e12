// A service's database: how it is made, and what must be true of it before it is used.
#ifndef ORDER_SAGA_LIBS_PROGRAM_DATABASE_H_
#define ORDER_SAGA_LIBS_PROGRAM_DATABASE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "libs/postgres/migration.h"
#include "libs/postgres/pool.h"
#include "libs/program/service_config.h"
#include "libs/telemetry/http_endpoint.h"

namespace program {

using MigrationSets = std::vector<const postgres::MigrationSet*>;

// The verb `migrate`: applies what is missing of `sets` as the owner, then makes the replication
// slot as the relay's role; says on stdout what it did. Idempotent. The process's exit code.
int Migrate(const ServiceConfig& config, const MigrationSets& sets);

// For every new connection of the service: session settings, migrations, the slot.
postgres::Pool::Check CheckDatabase(MigrationSets sets);

// A service's connections. Two sets, so that a flood of reads takes none from what changes
// something.
struct Pools {
  // Each gets half of the flag --database_connections.
  Pools(const ServiceConfig& config, const std::string& application, const MigrationSets& sets);

  postgres::Pool writes;  // the doors, their feeds and canaries, and calls that change something
  postgres::Pool reads;   // calls that only read, gauges, readiness
};

// Exports how many of the pools' connections are lent, and how many there may be. `pools` must
// outlive the last scrape.
void AddPoolMetrics(const Pools& pools, telemetry::HttpEndpoint& http);

// A readiness check: FailedPrecondition or Unavailable, with the reason, while the database cannot
// be used. At most one question a second goes to the database. To be called by one thread at a
// time, as HttpEndpoint does.
std::function<absl::Status()> DatabaseAnswers(postgres::Pool& pool);

}  // namespace program

#endif  // ORDER_SAGA_LIBS_PROGRAM_DATABASE_H_
