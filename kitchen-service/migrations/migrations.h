#ifndef ORDER_SAGA_KITCHEN_SERVICE_MIGRATIONS_MIGRATIONS_H_
#define ORDER_SAGA_KITCHEN_SERVICE_MIGRATIONS_MIGRATIONS_H_

#include "libs/postgres/migration.h"

namespace postgres {

// The tickets. Variable: service_role.
const MigrationSet& KitchenMigrations();

}  // namespace postgres

#endif  // ORDER_SAGA_KITCHEN_SERVICE_MIGRATIONS_MIGRATIONS_H_
