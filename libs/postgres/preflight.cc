#include "libs/postgres/preflight.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace postgres {

absl::Status CheckSession(Connection& connection) {
  auto row = connection.Execute(R"sql(
    SELECT current_user::text,
           current_setting('synchronous_commit'),
           current_setting('lock_timeout'),
           current_setting('idle_in_transaction_session_timeout'),
           current_setting('fsync'),
           rolreplication
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
  if (row->Text(0, 4) == "off")
    findings.push_back("fsync is off; set fsync = on in postgresql.conf");
  if (row->Bool(0, 5)) {
    findings.push_back(absl::StrCat("the role may replicate; ALTER ROLE ", role, " NOREPLICATION"));
  }
  if (findings.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrJoin(findings, "; "));
}

}  // namespace postgres
