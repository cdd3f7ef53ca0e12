// What `setup` and `teardown` would do to a database. Pure: from what was read to SQL.
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_SETUP_PLAN_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_SETUP_PLAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "outbox-relay/source/publication.h"

namespace relay {

struct DatabaseState {
  std::string database;
  std::string relay_role;
  std::string wal_level;
  int server_version = 0;  // PQserverVersion
  bool has_table = false;
  bool has_rows = false;
  bool relay_may_read = false;
  Publication publication;
  bool has_slot = false;
  std::string slot_type, slot_plugin, slot_database;
  std::optional<int64_t> active_pid;
};

struct Step {
  enum class As { kOwner, kRelay } as;
  std::string sql;
  std::string why;
  bool makes_slot = false;  // of the source: the last step
};

struct SetupWishes {
  bool create_table = false;
  bool skip_existing_rows = false;
};

// In the order in which they must be done: the slot last, after the publication. The table's own
// steps are migrations and not among them. Empty: all is there. FailedPrecondition: why not, and
// what to do.
absl::StatusOr<std::vector<Step>> PlanSetup(const DatabaseState& state, const SetupWishes& wishes);

// FailedPrecondition while a relay streams.
absl::StatusOr<std::vector<Step>> PlanTeardown(const DatabaseState& state);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_SETUP_PLAN_H_
