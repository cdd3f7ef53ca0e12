#include "outbox-relay/source/replication_connect.h"

#include <poll.h>

#include <cerrno>
#include <map>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace relay {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kConnectTimeout(10);

absl::StatusOr<std::map<std::string, std::string>> Settings(
    const std::string& conninfo, std::chrono::milliseconds wal_sender_timeout) {
  std::map<std::string, std::string> settings = {
      {"fallback_application_name", "outbox-relay"},
      {"tcp_user_timeout", "10000"},
      {"keepalives_idle", "5"},
      {"keepalives_interval", "2"},
      {"keepalives_count", "3"},
  };
  char* error = nullptr;
  PQconninfoOption* const options = PQconninfoParse(conninfo.c_str(), &error);
  if (options == nullptr) {
    const std::string text = error != nullptr ? error : "out of memory";
    PQfreemem(error);
    return absl::InvalidArgumentError(
        absl::StrCat("the source's connection string cannot be read: ", text));
  }
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (option->val != nullptr) settings[option->keyword] = option->val;
  }
  PQconninfoFree(options);
  settings["replication"] = "database";
  settings["client_encoding"] = "UTF8";
  settings["options"] = absl::StrCat(settings["options"], settings["options"].empty() ? "" : " ",
                                     "-c wal_sender_timeout=", wal_sender_timeout.count());
  return settings;
}

absl::Status Refused(PGconn* connection, bool answered) {
  std::string text = absl::StrCat("cannot connect to Postgres: ",
                                  absl::StripAsciiWhitespace(PQerrorMessage(connection)));
  if (answered) {
    absl::StrAppend(&text,
                    ". Unless it is just starting or stopping: the role needs LOGIN, REPLICATION "
                    "and the right password, pg_hba.conf must let it into the database, and "
                    "max_wal_senders must have room");
  } else {
    absl::StrAppend(&text, ". Fix: check host and port, and that Postgres runs and listens there");
  }
  // There is no SQLSTATE for a refused connection.
  const bool password =
      PQconnectionUsedPassword(connection) || PQconnectionNeedsPassword(connection);
  return password ? absl::PermissionDeniedError(text) : absl::UnavailableError(text);
}

// Drives the connection's start to its end.
absl::Status Await(PGconn* connection, int stop_fd) {
  const auto deadline = Clock::now() + kConnectTimeout;
  PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;
  bool answered = false;
  while (wanted != PGRES_POLLING_OK) {
    if (wanted == PGRES_POLLING_FAILED) return Refused(connection, answered);
    const short events = wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    pollfd descriptors[] = {{PQsocket(connection), events, 0}, {stop_fd, POLLIN, 0}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    const int ready = left.count() <= 0 ? 0 : poll(descriptors, 2, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (descriptors[1].revents != 0) return absl::CancelledError("stopping");
    if (ready <= 0) {
      return absl::UnavailableError(absl::StrCat("Postgres did not answer within ",
                                                 kConnectTimeout.count(), " s at ",
                                                 PQhost(connection), ":", PQport(connection),
                                                 ". Fix: check host and port, and what lies "
                                                 "between: a firewall, or a server that hangs"));
    }
    answered = answered || PQstatus(connection) == CONNECTION_AWAITING_RESPONSE;
    wanted = PQconnectPoll(connection);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PgConnection> ConnectForReplication(const std::string& conninfo,
                                                   std::chrono::milliseconds wal_sender_timeout,
                                                   int stop_fd) {
  auto settings = Settings(conninfo, wal_sender_timeout);
  if (!settings.ok()) return settings.status();
  std::vector<const char*> keywords, values;
  for (const auto& [keyword, value] : *settings) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  PgConnection connection(PQconnectStartParams(keywords.data(), values.data(), /*expand_dbname=*/0),
                          &PQfinish);
  if (connection == nullptr) return absl::ResourceExhaustedError("libpq: out of memory");
  if (PQstatus(connection.get()) == CONNECTION_BAD) return Refused(connection.get(), false);
  if (absl::Status status = Await(connection.get(), stop_fd); !status.ok()) return status;
  // A database of encoding SQL_ASCII may hold any bytes, on which a server that is asked for UTF-8
  // breaks off again and again: they are taken as they are.
  const char* const encoding = PQparameterStatus(connection.get(), "server_encoding");
  if (encoding != nullptr && std::string_view(encoding) == "SQL_ASCII" &&
      PQsetClientEncoding(connection.get(), encoding) != 0) {
    return absl::UnavailableError(
        absl::StrCat("setting client_encoding: ", PQerrorMessage(connection.get())));
  }
  // The server's chatter ("could not find …" notices) is not ours to print.
  PQsetNoticeProcessor(
      connection.get(), [](void*, const char*) {}, nullptr);
  return connection;
}

}  // namespace relay
