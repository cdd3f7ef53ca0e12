#ifndef ORDER_SAGA_LIBS_OUTBOX_MIGRATIONS_H_
#define ORDER_SAGA_LIBS_OUTBOX_MIGRATIONS_H_

#include "libs/postgres/migration.h"

namespace postgres {

// The outbox table, its publication, and the events that the relay parks. Comes after
// PartitionMigrations(). Variables: service_role (may insert), relay_role (may
// read, have partitions made, and park).
// Old partitions go by the owner's functions alone (outbox_empty, outbox_drop), which check that
// Kafka has the rows; relay_role may call them.
const MigrationSet& OutboxMigrations();

}  // namespace postgres

#endif  // ORDER_SAGA_LIBS_OUTBOX_MIGRATIONS_H_
