// Numbered SQL migrations, applied once each, in order, by the database's owner.
#ifndef ORDER_SAGA_LIBS_POSTGRES_MIGRATION_H_
#define ORDER_SAGA_LIBS_POSTGRES_MIGRATION_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/postgres/connection.h"

namespace postgres {

struct Migration {
  int version;       // 1, 2, 3, … without gaps
  std::string name;  // the file's
  std::string sql;   // `${variable}` stands for a quoted identifier given to Migrate()
};

// The migrations of one component (outbox, inbox, order-service, …). Each numbers its own.
struct MigrationSet {
  std::string component;
  std::vector<Migration> migrations;
};

// A variable's name and the identifier (a role's name) that it stands for.
using MigrationVariables = std::vector<std::pair<std::string, std::string>>;

// Applies what is missing, set by set, each migration in a transaction of its own, and answers the
// names of those that it applied. Several callers at once wait for each other. What a newer program
// has applied is left alone. Refused, without changing anything: an applied migration whose text
// has changed since. A lock that is not to be had within seconds is waited for in turns, so that
// nobody queues up behind it for longer; Aborted after some minutes of that.
absl::StatusOr<std::vector<std::string>> Migrate(Connection& owner,
                                                 absl::Span<const MigrationSet* const> sets,
                                                 const MigrationVariables& variables);

// FailedPrecondition, saying what to run, unless the database has all of `sets`, or more: during a
// rollout and after a rollback the programs of the last release run on the next one's schema, which
// therefore only adds. Answers what a newer program has applied: "outbox/0008_x.sql". The owner may
// ask, and the variable "service_role" of Migrate.
absl::StatusOr<std::vector<std::string>> CheckMigrated(Connection& connection,
                                                       absl::Span<const MigrationSet* const> sets);

// What libs/postgres brings itself: daily partitions (libs/postgres/migrations).
const MigrationSet& PartitionMigrations();

}  // namespace postgres

#endif  // ORDER_SAGA_LIBS_POSTGRES_MIGRATION_H_
