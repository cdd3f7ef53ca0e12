// Postgres's errors as absl::Status: one place decides what a SQLSTATE means to a caller.
//
// Codes: Unavailable (the connection is gone, or the server is starting, stopping or read-only:
// wait and try again), Aborted (serialization failure, deadlock, lock timeout: run the transaction
// again), AlreadyExists (unique violation), FailedPrecondition (other integrity violations),
// InvalidArgument (data exceptions), PermissionDenied, ResourceExhausted (disk, memory,
// connections), DeadlineExceeded (statement timeout), Internal (everything else).
#ifndef ORDER_SAGA_LIBS_POSTGRES_SQL_ERROR_H_
#define ORDER_SAGA_LIBS_POSTGRES_SQL_ERROR_H_

#include <libpq-fe.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace postgres {

// The five characters of Appendix A of the PostgreSQL manual, or empty if `status` carries none.
std::string SqlState(const absl::Status& status);

// The transaction did nothing and may be run again from its start: Aborted, whether Postgres said
// so (40001, 40P01, 55P03) or our own code.
bool ShouldRerun(const absl::Status& status);

// The server cannot serve for now: nothing is wrong with what was asked.
bool IsOutage(const absl::Status& status);

// What was asked is at fault, and will be again: a data exception or an integrity violation
// (classes 22, 23 and P0). Everything else is the fault of the surroundings.
bool IsDataFault(const absl::Status& status);

// What a person can do about it, for log lines.
std::string_view FixFor(const absl::Status& status);

// A data fault that was found before Postgres was asked: InvalidArgument, class 22.
absl::Status DataFault(std::string_view text);

// `result` may be null (the connection is gone); `what` says what was being done.
absl::Status ErrorFrom(const PGconn* connection, const PGresult* result, std::string_view what);

}  // namespace postgres

#endif  // ORDER_SAGA_LIBS_POSTGRES_SQL_ERROR_H_
