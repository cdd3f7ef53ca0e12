#ifndef ORDER_SAGA_LIBS_INBOX_MIGRATIONS_H_
#define ORDER_SAGA_LIBS_INBOX_MIGRATIONS_H_

#include "libs/postgres/migration.h"

namespace postgres {

// The inbox and its parked messages. Comes after PartitionMigrations(). Variable: service_role.
// What is older than the inbox's window is forgotten by inbox_empty and inbox_drop, which it may
// call (program::KeepInbox does).
const MigrationSet& InboxMigrations();

}  // namespace postgres

#endif  // ORDER_SAGA_LIBS_INBOX_MIGRATIONS_H_
