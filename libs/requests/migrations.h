#ifndef ORDER_SAGA_LIBS_REQUESTS_MIGRATIONS_H_
#define ORDER_SAGA_LIBS_REQUESTS_MIGRATIONS_H_

#include "libs/postgres/migration.h"

namespace postgres {

// The table of request_ids. Variable: service_role.
const MigrationSet& RequestMigrations();

}  // namespace postgres

#endif  // ORDER_SAGA_LIBS_REQUESTS_MIGRATIONS_H_
