#include "libs/testing/test_database.h"

#include <libpq-fe.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "libs/testing/servers.h"

namespace testsupport {
namespace {

template <typename T>
T OrDie(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "TestDatabase: %s\n", result.status().ToString().c_str());
    std::abort();
  }
  return *std::move(result);
}

void OrDie(const absl::Status& status) { OrDie(status.ok() ? absl::StatusOr<int>(0) : status); }

// Test programs run side by side, and roles belong to the whole server: one makes them, the others
// wait for the lock and find them.
constexpr char kMakeRoles[] = R"sql(
  DO $$ BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('order-saga test roles', 0));
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'test_relay') THEN
      CREATE ROLE test_service LOGIN;
      ALTER ROLE test_service SET lock_timeout = '10s';
      ALTER ROLE test_service SET statement_timeout = '30s';
      ALTER ROLE test_service SET idle_in_transaction_session_timeout = '30s';
      CREATE ROLE test_relay LOGIN REPLICATION;
    END IF;
  END $$;
)sql";

}  // namespace

std::string ConninfoFor(const std::string& conninfo, std::string_view database,
                        std::string_view user) {
  char* error = nullptr;
  PQconninfoOption* options = PQconninfoParse(conninfo.c_str(), &error);
  if (options == nullptr) {
    std::fprintf(stderr, "ORDER_SAGA_TEST_POSTGRES: %s\n", error);
    std::abort();
  }
  std::string out;
  for (PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    const std::string_view keyword = option->keyword;
    if (keyword == "dbname" || (keyword == "user" && !user.empty())) continue;
    if (option->val == nullptr) continue;
    absl::StrAppend(&out, option->keyword, "='",
                    absl::StrReplaceAll(option->val, {{"\\", "\\\\"}, {"'", "\\'"}}), "' ");
  }
  PQconninfoFree(options);
  absl::StrAppend(&out, "dbname=", std::string(database));
  if (!user.empty()) absl::StrAppend(&out, " user=", std::string(user));
  return out;
}

TestDatabase::TestDatabase(absl::Span<const postgres::MigrationSet* const> sets)
    : name_(UniqueName("t_")),
      owner_(ConninfoFor(PostgresServer(), name_, "")),
      service_(ConninfoFor(PostgresServer(), name_, "test_service")),
      relay_(ConninfoFor(PostgresServer(), name_, "test_relay")) {
  postgres::Connection server = OrDie(postgres::Connection::Open(PostgresServer(), "test"));
  OrDie(server.ExecuteScript(kMakeRoles));
  OrDie(server.ExecuteScript(absl::StrCat("CREATE DATABASE ", name_)));
  postgres::Connection owner = Connect();
  OrDie(postgres::Migrate(owner, sets,
                          {{"service_role", "test_service"}, {"relay_role", "test_relay"}}));
}

TestDatabase::~TestDatabase() {
  postgres::Connection server = OrDie(postgres::Connection::Open(PostgresServer(), "test"));
  // A slot that is in use is dropped once its sender has ended; the server is asked until then.
  const std::string mine = absl::StrCat("WHERE database = '", name_, "'");
  for (;;) {
    OrDie(server.ExecuteScript(
        absl::StrCat("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots ", mine,
                     " AND active")));
    OrDie(server.ExecuteScript(
        absl::StrCat("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots ", mine,
                     " AND NOT active")));
    auto left =
        OrDie(server.Execute(absl::StrCat("SELECT count(*) FROM pg_replication_slots ", mine)));
    if (left.Int64(0, 0) == 0) break;
  }
  OrDie(server.ExecuteScript(absl::StrCat("DROP DATABASE ", name_, " WITH (FORCE)")));
}

postgres::Connection TestDatabase::Connect() const {
  return OrDie(postgres::Connection::Open(owner_, "test"));
}

std::string TestDatabase::Ask(std::string_view sql) const {
  postgres::Connection connection = Connect();
  auto rows = OrDie(connection.Execute(sql));
  return rows.rows() == 0 ? "" : std::string(rows.TextOrEmpty(0, 0));
}

int64_t TestDatabase::Count(std::string_view sql) const {
  postgres::Connection connection = Connect();
  auto rows = OrDie(connection.Execute(sql));
  return rows.rows() == 0 ? 0 : rows.Int64(0, 0);
}

}  // namespace testsupport
