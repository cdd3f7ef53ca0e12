// A service's database: how it is made, and what must be true of it before it is used.
#ifndef ORDER_SAGA_LIBS_PROGRAM_DATABASE_H_
#define ORDER_SAGA_LIBS_PROGRAM_DATABASE_H_

#include <vector>

#include "libs/postgres/migration.h"
#include "libs/postgres/pool.h"
#include "libs/program/service_config.h"

namespace program {

using MigrationSets = std::vector<const postgres::MigrationSet*>;

// The verb `migrate`: applies what is missing of `sets` as the owner, then makes the replication
// slot as the relay's role; says on stdout what it did. Idempotent. The process's exit code.
int Migrate(const ServiceConfig& config, const MigrationSets& sets);

// For every new connection of the service: session settings, migrations, the slot.
postgres::Pool::Check CheckDatabase(MigrationSets sets);

}  // namespace program

#endif  // ORDER_SAGA_LIBS_PROGRAM_DATABASE_H_
