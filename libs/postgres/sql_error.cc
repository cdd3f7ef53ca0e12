#include "libs/postgres/sql_error.h"

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace postgres {
namespace {

constexpr char kPayloadUrl[] = "order-saga/sqlstate";

absl::StatusCode CodeOf(std::string_view state) {
  using enum absl::StatusCode;
  if (state == "40001" || state == "40P01" || state == "55P03") return kAborted;
  if (state == "57014") return kDeadlineExceeded;
  if (state == "25006") return kUnavailable;  // read-only: a standby, or a failover under way
  if (state == "23505") return kAlreadyExists;
  if (state == "42501") return kPermissionDenied;
  const std::string_view kind = state.substr(0, 2);
  if (kind == "08" || kind == "57") return kUnavailable;
  if (kind == "28") return kPermissionDenied;
  if (kind == "53") return kResourceExhausted;
  if (kind == "22") return kInvalidArgument;
  if (kind == "23") return kFailedPrecondition;
  return kInternal;
}

}  // namespace

std::string SqlState(const absl::Status& status) {
  auto payload = status.GetPayload(kPayloadUrl);
  return payload.has_value() ? std::string(*payload) : std::string();
}

bool ShouldRerun(const absl::Status& status) { return absl::IsAborted(status); }

bool IsOutage(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
}

bool IsDataFault(const absl::Status& status) {
  const std::string state = SqlState(status);
  return state.starts_with("22") || state.starts_with("23") || state.starts_with("P0");
}

std::string_view FixFor(const absl::Status& status) {
  const std::string state = SqlState(status);
  if (state == "25006") {
    return "the database is read-only: point the conninfo at the primary, or, if it is that, ALTER "
           "DATABASE … RESET default_transaction_read_only";
  }
  if (state == "53100") return "the server's disk is full: make room, but never in pg_wal";
  if (state == "53300") {
    return "raise max_connections, or lower --database_connections or the number of replicas";
  }
  if (state == "42501" || state == "42P01" || state == "42703" || state == "42883") {
    return "run this program's `migrate` verb: it makes what is missing, and grants it";
  }
  return "bring back what the error names; the server's log says more";
}

absl::Status DataFault(std::string_view text) {
  absl::Status status = absl::InvalidArgumentError(std::string(text));
  status.SetPayload(kPayloadUrl, absl::Cord("22000"));
  return status;
}

absl::Status ErrorFrom(const PGconn* connection, const PGresult* result, std::string_view what) {
  const char* state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  if (state == nullptr) {
    return absl::UnavailableError(absl::StrCat(
        std::string(what), ": ", absl::StripAsciiWhitespace(PQerrorMessage(connection))));
  }
  const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const char* detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
  const char* hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
  absl::Status status(CodeOf(state),
                      absl::StrCat(std::string(what), ": ", message ? message : "no message", " (",
                                   state, ")", detail ? ": " : "", detail ? detail : "",
                                   hint ? ". Hint: " : "", hint ? hint : ""));
  status.SetPayload(kPayloadUrl, absl::Cord(state));
  return status;
}

}  // namespace postgres
