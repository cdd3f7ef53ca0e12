// What must be true of a service's database session before the service may trust it.
#ifndef ORDER_SAGA_LIBS_POSTGRES_PREFLIGHT_H_
#define ORDER_SAGA_LIBS_POSTGRES_PREFLIGHT_H_

#include "absl/status/status.h"
#include "libs/postgres/connection.h"

namespace postgres {

// FailedPrecondition, naming every finding and its fix: synchronous_commit is off (a commit that
// was answered could be lost), fsync is off (the same), lock_timeout or
// idle_in_transaction_session_timeout is not set (a stopped process would block others for ever),
// the role may replicate (it could read the whole cluster).
absl::Status CheckSession(Connection& connection);

}  // namespace postgres

#endif  // ORDER_SAGA_LIBS_POSTGRES_PREFLIGHT_H_
