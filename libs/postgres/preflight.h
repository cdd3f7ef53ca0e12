// What must be true of a service's database session before the service may trust it.
#ifndef ORDER_SAGA_LIBS_POSTGRES_PREFLIGHT_H_
#define ORDER_SAGA_LIBS_POSTGRES_PREFLIGHT_H_

#include "absl/status/status.h"
#include "libs/postgres/connection.h"

namespace postgres {

// FailedPrecondition, naming every finding and its fix: synchronous_commit is off (a commit that
// was answered could be lost), fsync is off (the same), lock_timeout, statement_timeout or
// idle_in_transaction_session_timeout is not set (a statement that hangs or a stopped process would
// block others for ever), statement_timeout is not above lock_timeout (a wait for a lock, which is
// tried again, would end as a statement that took too long, which is not), the conninfo takes
// tcp_user_timeout away (a host that vanished would be waited for), the role may replicate (it
// could read the whole cluster).
absl::Status CheckSession(Connection& connection);

}  // namespace postgres

#endif  // ORDER_SAGA_LIBS_POSTGRES_PREFLIGHT_H_
