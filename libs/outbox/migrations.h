#ifndef ORDER_SAGA_LIBS_OUTBOX_MIGRATIONS_H_
#define ORDER_SAGA_LIBS_OUTBOX_MIGRATIONS_H_

#include "libs/postgres/migration.h"

namespace postgres {

// The outbox table and its publication. Comes after PartitionMigrations(). Variables: service_role
// (may insert), relay_role (may read, and have partitions made).
const MigrationSet& OutboxMigrations();

}  // namespace postgres

#endif  // ORDER_SAGA_LIBS_OUTBOX_MIGRATIONS_H_
