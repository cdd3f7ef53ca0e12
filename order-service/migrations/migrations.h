#ifndef ORDER_SAGA_ORDER_SERVICE_MIGRATIONS_MIGRATIONS_H_
#define ORDER_SAGA_ORDER_SERVICE_MIGRATIONS_MIGRATIONS_H_

#include "libs/postgres/migration.h"

namespace postgres {

// Orders and their products. Variable: service_role.
const MigrationSet& OrderMigrations();

}  // namespace postgres

#endif  // ORDER_SAGA_ORDER_SERVICE_MIGRATIONS_MIGRATIONS_H_
