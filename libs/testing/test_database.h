// A database of a test's own, dropped when the test is over.
#ifndef ORDER_SAGA_LIBS_TESTING_TEST_DATABASE_H_
#define ORDER_SAGA_LIBS_TESTING_TEST_DATABASE_H_

#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "libs/postgres/connection.h"
#include "libs/postgres/migration.h"

namespace testsupport {

// Aborts the test program when the server refuses: there is nothing to test then.
class TestDatabase {
 public:
  // Makes the database and applies `sets`, with the roles test_service and test_relay, which are
  // like those of a real service (the relay's may replicate).
  explicit TestDatabase(absl::Span<const postgres::MigrationSet* const> sets = {});
  // Drops the database with its replication slots, whoever is still connected.
  ~TestDatabase();
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  const std::string& name() const { return name_; }
  // Conninfo: the superuser, who also owns everything; the service's role; the relay's role.
  const std::string& owner() const { return owner_; }
  const std::string& service() const { return service_; }
  const std::string& relay() const { return relay_; }

  // A new connection as the owner.
  postgres::Connection Connect() const;
  // One statement as the owner; its first row's first column, a text ("" without rows).
  std::string Ask(std::string_view sql) const;
  // Like Ask, for a number.
  int64_t Count(std::string_view sql) const;

 private:
  std::string name_;
  std::string owner_;
  std::string service_;
  std::string relay_;
};

// `conninfo` with another database and, unless empty, another user.
std::string ConninfoFor(const std::string& conninfo, std::string_view database,
                        std::string_view user);

}  // namespace testsupport

#endif  // ORDER_SAGA_LIBS_TESTING_TEST_DATABASE_H_
