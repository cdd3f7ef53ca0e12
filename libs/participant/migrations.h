#ifndef ORDER_SAGA_LIBS_PARTICIPANT_MIGRATIONS_H_
#define ORDER_SAGA_LIBS_PARTICIPANT_MIGRATIONS_H_

#include "libs/postgres/migration.h"

namespace postgres {

// The table of kept replies. Variable: service_role.
const MigrationSet& ParticipantMigrations();

}  // namespace postgres

#endif  // ORDER_SAGA_LIBS_PARTICIPANT_MIGRATIONS_H_
