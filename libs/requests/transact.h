// A call's way through the database: a connection, one transaction, a commit.
#ifndef ORDER_SAGA_LIBS_REQUESTS_TRANSACT_H_
#define ORDER_SAGA_LIBS_REQUESTS_TRANSACT_H_

#include <google/protobuf/message.h>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "libs/outbox/unit_of_work.h"
#include "libs/postgres/pool.h"

namespace requests {

// Runs `body` in a transaction, again from its start after a deadlock or a broken connection, for
// about 5 s at most. An error of `body` rolls it back. Errors of the surroundings are Unavailable,
// ResourceExhausted, Aborted or Internal: none of them blames the caller. Thread-safe.
//
// The connection may break in the middle of a commit, and `body` then runs a second time: it only
// reads, or repeats nothing.
absl::Status Transact(postgres::Pool& pool,
                      absl::FunctionRef<absl::Status(outbox::UnitOfWork&)> body);

// The same for what only reads and needs no transaction: each statement is one of its own.
absl::Status Read(postgres::Pool& pool,
                  absl::FunctionRef<absl::Status(postgres::Connection&)> body);

// The same for a call that changes something, done once for each request_id (claim.h): `is_new`
// says whether there is anything left to do. `request` has a field request_id, which is empty (one
// is made then) or a UUID, else INVALID_ARGUMENT.
absl::Status TransactOnce(postgres::Pool& pool, const google::protobuf::Message& request,
                          absl::FunctionRef<absl::Status(outbox::UnitOfWork&, bool is_new)> body);

}  // namespace requests

#endif  // ORDER_SAGA_LIBS_REQUESTS_TRANSACT_H_
