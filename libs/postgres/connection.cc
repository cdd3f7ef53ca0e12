#include "libs/postgres/connection.h"

#include <poll.h>

#include <algorithm>
#include <chrono>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "libs/postgres/sql_error.h"

namespace postgres {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLookAnyway(100);

// The first words of a statement are enough to find it in the code.
std::string_view Excerpt(std::string_view sql) {
  sql.remove_prefix(std::min(sql.find_first_not_of(" \n"), sql.size()));
  return sql.substr(0, 60);
}

// "cached plan must not change result type", and no such prepared statement: nothing is wrong with
// the statement, as long as it worked before.
bool IsStaleStatement(const absl::Status& error) {
  const std::string state = SqlState(error);
  return state == "0A000" || state == "26000";
}

// False: not by then. True too if the connection is lost; the result says so.
bool HasAnswer(PGconn* connection, Clock::time_point until) {
  while (PQisBusy(connection) != 0) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
    if (left.count() <= 0) return false;
    // What TLS has taken from the socket poll(2) does not see: a look now and then.
    pollfd socket = {PQsocket(connection), POLLIN, 0};
    poll(&socket, 1, static_cast<int>(std::min(left, kLookAnyway).count()));
    if (PQconsumeInput(connection) == 0) return true;
  }
  return true;
}

absl::Status WithCode(absl::StatusCode code, const absl::Status& status) {
  absl::Status changed(code, status.message());
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { changed.SetPayload(url, payload); });
  return changed;
}

}  // namespace

absl::StatusOr<Connection> Connection::Open(const std::string& conninfo,
                                            std::string_view application) {
  const std::string name(application);
  // What stands before dbname is a default that the conninfo overrides.
  const char* keywords[] = {"connect_timeout",
                            "tcp_user_timeout",
                            "keepalives_idle",
                            "keepalives_interval",
                            "keepalives_count",
                            "fallback_application_name",
                            "dbname",
                            "client_encoding",
                            nullptr};
  const char* values[] = {"5",          "10000",          "10",   "3",    "3",
                          name.c_str(), conninfo.c_str(), "UTF8", nullptr};
  Connection connection(PQconnectdbParams(keywords, values, /*expand_dbname=*/1));
  PGconn* raw = connection.raw();
  if (raw == nullptr) return absl::ResourceExhaustedError("libpq: out of memory");
  if (PQstatus(raw) != CONNECTION_OK) {
    return absl::UnavailableError(absl::StrCat("cannot connect to Postgres: ",
                                               absl::StripAsciiWhitespace(PQerrorMessage(raw))));
  }
  // A database of encoding SQL_ASCII may hold what is no UTF-8: it goes in and out as it is.
  const char* const encoding = PQparameterStatus(raw, "server_encoding");
  if (encoding != nullptr && std::string_view(encoding) == "SQL_ASCII" &&
      PQsetClientEncoding(raw, encoding) != 0) {
    return absl::UnavailableError(
        absl::StrCat("setting client_encoding: ", absl::StripAsciiWhitespace(PQerrorMessage(raw))));
  }
  // Notices of migrations ("relation exists, skipping") are noise.
  PQsetNoticeProcessor(
      raw, [](void*, const char*) {}, nullptr);
  return connection;
}

absl::StatusOr<std::string> Connection::Prepare(std::string_view sql, const Params& params) {
  if (auto found = prepared_.find(absl::string_view(sql.data(), sql.size()));
      found != prepared_.end())
    return found->second;
  std::string name = absl::StrCat("s", prepared_.size());
  const auto result = Await(PQsendPrepare(raw(), name.c_str(), std::string(sql).c_str(),
                                          params.size(), params.types().data()),
                            sql);
  if (!result.ok()) return result.status();
  prepared_.emplace(std::string(sql), name);
  return name;
}

absl::StatusOr<Result> Connection::Execute(std::string_view sql, const Params& params) {
  const size_t prepared_before = prepared_.size();
  absl::StatusOr<std::string> name = Prepare(sql, params);
  if (!name.ok()) return name.status();
  static constexpr int kBinary = 1;
  const std::vector<const char*> values = params.values();
  const std::vector<int> formats(params.size(), kBinary);
  absl::StatusOr<Result> result =
      Await(PQsendQueryPrepared(raw(), name->c_str(), params.size(), values.data(),
                                params.lengths().data(), formats.data(), kBinary),
            sql);
  const bool known = prepared_.size() == prepared_before;
  if (result.ok() || !known || !IsStaleStatement(result.status())) return result;
  stale_ = true;
  return WithCode(absl::StatusCode::kAborted, result.status());
}

absl::Status Connection::ExecuteScript(const std::string& sql) {
  return Await(PQsendQuery(raw(), sql.c_str()), sql).status();
}

// As PQexec does, but for the time that it takes.
absl::StatusOr<Result> Connection::Await(int sent, std::string_view sql) {
  if (sent != 1) return ErrorFrom(raw(), nullptr, Excerpt(sql));
  const Clock::time_point until = Clock::now() + answer_timeout_.value_or(milliseconds(0));
  Result last(nullptr);
  for (;;) {
    if (answer_timeout_ && !HasAnswer(raw(), until)) {
      stale_ = true;
      return absl::UnavailableError(absl::StrCat(std::string(Excerpt(sql)),
                                                 ": Postgres has not answered for ",
                                                 answer_timeout_->count(), " ms"));
    }
    PGresult* const next = PQgetResult(raw());
    if (next == nullptr) break;
    last = Result(next);
    const ExecStatusType status = PQresultStatus(next);
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      stale_ = true;  // nobody here can go on with it
      break;
    }
  }
  if (!last.ok()) return ErrorFrom(raw(), last.raw(), Excerpt(sql));
  return last;
}

absl::Status Connection::LiftTimeouts() { return ExecuteScript(kLiftTimeouts); }

}  // namespace postgres
