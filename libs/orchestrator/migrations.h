#ifndef ORDER_SAGA_LIBS_ORCHESTRATOR_MIGRATIONS_H_
#define ORDER_SAGA_LIBS_ORCHESTRATOR_MIGRATIONS_H_

#include "libs/postgres/migration.h"

namespace postgres {

// The sagas and their log. Variable: service_role.
const MigrationSet& OrchestratorMigrations();

}  // namespace postgres

#endif  // ORDER_SAGA_LIBS_ORCHESTRATOR_MIGRATIONS_H_
