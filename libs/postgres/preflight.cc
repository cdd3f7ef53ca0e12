#include "libs/postgres/preflight.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace postgres {
namespace {

// Whether the conninfo has set this time to 0.
bool IsEndless(Connection& connection, std::string_view keyword) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfo(connection.raw()), &PQconninfoFree);
  for (const PQconninfoOption* option = options.get(); option && option->keyword; ++option) {
    if (option->keyword == keyword) return option->val && std::string_view(option->val) == "0";
  }
  return false;
}

}  // namespace

absl::Status CheckSession(Connection& connection) {
  auto row = connection.Execute(R"sql(
    SELECT current_user::text,
           current_setting('synchronous_commit'),
           current_setting('lock_timeout'),
           current_setting('idle_in_transaction_session_timeout'),
           current_setting('fsync'),
           rolreplication,
           (SELECT setting::bigint FROM pg_settings WHERE name = 'statement_timeout'),
           (SELECT setting::bigint FROM pg_settings WHERE name = 'lock_timeout')
      FROM pg_roles WHERE rolname = current_user
  )sql");
  if (!row.ok()) return row.status();
  const std::string role(row->Text(0, 0));
  std::vector<std::string> findings;
  if (row->Text(0, 1) == "off") {
    findings.push_back(absl::StrCat("synchronous_commit is off; ALTER ROLE ", role,
                                    " SET synchronous_commit = on"));
  }
  if (row->Text(0, 2) == "0") {
    findings.push_back(
        absl::StrCat("lock_timeout is not set; ALTER ROLE ", role, " SET lock_timeout = '10s'"));
  }
  if (row->Text(0, 3) == "0") {
    findings.push_back(absl::StrCat("idle_in_transaction_session_timeout is not set; ALTER ROLE ",
                                    role, " SET idle_in_transaction_session_timeout = '30s'"));
  }
  if (row->Int64(0, 6) == 0) {
    findings.push_back(absl::StrCat("statement_timeout is not set; ALTER ROLE ", role,
                                    " SET statement_timeout = '30s'"));
  } else if (row->Int64(0, 6) <= row->Int64(0, 7)) {
    findings.push_back(absl::StrCat("statement_timeout is not above lock_timeout; ALTER ROLE ",
                                    role, " SET statement_timeout = '30s'"));
  }
  if (IsEndless(connection, "tcp_user_timeout")) {
    findings.push_back("tcp_user_timeout is 0; leave it out of the conninfo: 10 s are the default");
  }
  if (row->Text(0, 4) == "off")
    findings.push_back("fsync is off; set fsync = on in postgresql.conf");
  if (row->Bool(0, 5)) {
    findings.push_back(absl::StrCat("the role may replicate; ALTER ROLE ", role, " NOREPLICATION"));
  }
  if (findings.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrJoin(findings, "; "));
}

}  // namespace postgres
