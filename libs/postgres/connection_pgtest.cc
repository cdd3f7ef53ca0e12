#include <gtest/gtest.h>

#include "libs/postgres/connection.h"
#include "libs/postgres/pool.h"
#include "libs/postgres/preflight.h"
#include "libs/postgres/sql_error.h"
#include "libs/postgres/transaction.h"
#include "libs/testing/servers.h"
#include "libs/testing/test_database.h"

namespace postgres {
namespace {

TEST(ConnectionTest, ValuesGoThereAndBack) {
  testsupport::TestDatabase database;
  Connection connection = database.Connect();
  const uuid::Uuid id = uuid::NewV7();
  auto rows = connection.Execute(
      "SELECT $1::int8, $2::text, $3::uuid, $4::bytea, $5::bool, NULL::text, "
      "       to_timestamp(1.5), cardinality($6::int8[]), ($7::text[])[2]",
      Params()
          .Int64(-5)
          .Text("가")
          .Id(id)
          .Bytes(std::string_view("\0\xff", 2))
          .Bool(true)
          .Int64s({1, 2, 3})
          .NullableTexts({std::optional<std::string>(), std::optional<std::string>("x")}));
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->Int64(0, 0), -5);
  EXPECT_EQ(rows->Text(0, 1), "가");
  EXPECT_EQ(rows->Id(0, 2), id);
  EXPECT_EQ(rows->Text(0, 3), std::string_view("\0\xff", 2));
  EXPECT_TRUE(rows->Bool(0, 4));
  EXPECT_TRUE(rows->IsNull(0, 5));
  EXPECT_EQ(rows->UnixMicroseconds(0, 6), 1'500'000);
  EXPECT_EQ(rows->Int64(0, 7), 3);
  EXPECT_EQ(rows->Text(0, 8), "x");
}

TEST(ConnectionTest, ErrorsCarryTheirSqlState) {
  testsupport::TestDatabase database;
  Connection connection = database.Connect();
  absl::Status division = connection.Execute("SELECT 1 / 0").status();
  EXPECT_EQ(SqlState(division), "22012");
  EXPECT_TRUE(IsDataFault(division));
  absl::Status missing = connection.Execute("SELECT * FROM nowhere").status();
  EXPECT_EQ(SqlState(missing), "42P01");
  EXPECT_FALSE(IsDataFault(missing));
  absl::Status text = connection.Execute("SELECT $1::text", Params().Text("\xff")).status();
  EXPECT_TRUE(IsDataFault(text)) << text;
}

TEST(ConnectionTest, LosingTheServerIsAnOutage) {
  testsupport::TestDatabase database;
  Connection connection = database.Connect();
  absl::Status killed =
      connection.Execute("SELECT pg_terminate_backend(pg_backend_pid())").status();
  EXPECT_TRUE(IsOutage(killed)) << killed;
  EXPECT_FALSE(connection.usable());
  EXPECT_TRUE(IsOutage(Connection::Open("host=127.0.0.1 port=1", "test").status()));
}

TEST(ConnectionTest, AMigrationMakesItsStatementsStale) {
  testsupport::TestDatabase database;
  Connection connection = database.Connect();
  ASSERT_TRUE(database.Connect().ExecuteScript("CREATE TABLE t (n int8)").ok());
  ASSERT_TRUE(connection.Execute("SELECT * FROM t").ok());
  ASSERT_TRUE(database.Connect().ExecuteScript("ALTER TABLE t ADD m int8").ok());
  absl::Status stale = connection.Execute("SELECT * FROM t").status();
  EXPECT_EQ(SqlState(stale), "0A000") << stale;
  EXPECT_TRUE(ShouldRerun(stale)) << stale;
  EXPECT_FALSE(connection.usable());
}

TEST(ConnectionTest, StatementsThatTheServerForgotAreStale) {
  testsupport::TestDatabase database;
  Connection connection = database.Connect();
  ASSERT_TRUE(connection.Execute("SELECT 1").ok());
  ASSERT_TRUE(connection.ExecuteScript("DISCARD ALL").ok());
  absl::Status stale = connection.Execute("SELECT 1").status();
  EXPECT_EQ(SqlState(stale), "26000") << stale;
  EXPECT_TRUE(ShouldRerun(stale)) << stale;
  EXPECT_FALSE(connection.usable());
}

// What Postgres cannot do at all stays an error, and is not tried for ever.
TEST(ConnectionTest, AFirstUseIsNeverStale) {
  testsupport::TestDatabase database;
  Connection connection = database.Connect();
  absl::Status unsupported =
      connection.Execute("SELECT count(*) FROM pg_class FOR UPDATE").status();
  EXPECT_EQ(SqlState(unsupported), "0A000") << unsupported;
  EXPECT_FALSE(ShouldRerun(unsupported)) << unsupported;
  EXPECT_TRUE(connection.usable());
}

// As one of a server that hangs is not.
TEST(ConnectionTest, AnAnswerThatTakesTooLongIsGivenUp) {
  testsupport::TestDatabase database;
  Connection connection = database.Connect();
  connection.SetAnswerTimeout(std::chrono::minutes(1));
  EXPECT_TRUE(connection.Execute("SELECT 1").ok());
  connection.SetAnswerTimeout(std::chrono::milliseconds(200));
  const absl::Status late = connection.Execute("SELECT pg_sleep(60)::text").status();
  EXPECT_EQ(late.code(), absl::StatusCode::kUnavailable) << late;
  EXPECT_EQ(late.message(), "SELECT pg_sleep(60)::text: Postgres has not answered for 200 ms");
  EXPECT_FALSE(connection.usable());
  EXPECT_FALSE(connection.Execute("SELECT 1").ok());
}

TEST(TransactionTest, LeavesNothingUnlessCommitted) {
  testsupport::TestDatabase database;
  Connection connection = database.Connect();
  ASSERT_TRUE(connection.ExecuteScript("CREATE TABLE t (n int8 PRIMARY KEY)").ok());
  {
    auto transaction = Transaction::Begin(connection);
    ASSERT_TRUE(transaction->Execute("INSERT INTO t VALUES (1)").ok());
  }
  EXPECT_EQ(database.Count("SELECT count(*) FROM t"), 0);
  auto transaction = Transaction::Begin(connection);
  ASSERT_TRUE(transaction->Execute("INSERT INTO t VALUES (2)").ok());
  ASSERT_TRUE(transaction->SetSavepoint().ok());
  EXPECT_FALSE(transaction->Execute("INSERT INTO t VALUES (2)").ok());
  ASSERT_TRUE(transaction->RollbackToSavepoint().ok());
  EXPECT_TRUE(transaction->Commit().ok());
  EXPECT_EQ(database.Count("SELECT count(*) FROM t"), 1);
}

TEST(TransactionTest, CommitAfterAFailureIsAnError) {
  testsupport::TestDatabase database;
  Connection connection = database.Connect();
  auto transaction = Transaction::Begin(connection);
  EXPECT_FALSE(transaction->Execute("SELECT 1 / 0").ok());
  EXPECT_FALSE(transaction->Commit().ok());
}

TEST(PoolTest, LendsAgainAndReplacesTheBroken) {
  testsupport::TestDatabase database;
  Pool pool(database.owner(), "test", 1);
  int first = 0;
  {
    auto lease = pool.Acquire(absl::ZeroDuration());
    ASSERT_TRUE(lease.ok()) << lease.status();
    first = PQbackendPID((*lease)->raw());
    EXPECT_TRUE(absl::IsResourceExhausted(pool.Acquire(absl::ZeroDuration()).status()));
  }
  {
    auto lease = pool.Acquire(absl::ZeroDuration());
    EXPECT_EQ(PQbackendPID((*lease)->raw()), first);
    (*lease)->Execute("SELECT pg_terminate_backend(pg_backend_pid())").status().IgnoreError();
  }
  auto lease = pool.Acquire(absl::ZeroDuration());
  ASSERT_TRUE(lease.ok());
  EXPECT_NE(PQbackendPID((*lease)->raw()), first);
}

TEST(PoolTest, LendsNothingThatFailsTheCheck) {
  testsupport::TestDatabase database;
  Pool pool(database.owner(), "test", 1, CheckSession);
  const absl::Status refused = pool.Acquire(absl::ZeroDuration()).status();
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_NE(refused.message().find("lock_timeout is not set"), std::string::npos) << refused;
}

TEST(PreflightTest, NamesEachFindingAndItsFix) {
  testsupport::TestDatabase database;
  Connection owner = database.Connect();
  const std::string finding(CheckSession(owner).message());
  EXPECT_NE(finding.find("lock_timeout is not set; ALTER ROLE"), std::string::npos) << finding;
  EXPECT_NE(finding.find("statement_timeout is not set; ALTER ROLE"), std::string::npos) << finding;
  auto service = Connection::Open(database.service(), "test");
  ASSERT_TRUE(service.ok()) << service.status();
  EXPECT_TRUE(CheckSession(*service).ok()) << CheckSession(*service);
}

TEST(PreflightTest, AStatementMayTakeLongerThanAWaitForALock) {
  testsupport::TestDatabase database;
  auto service = Connection::Open(database.service(), "test");
  ASSERT_TRUE(service->ExecuteScript("SET statement_timeout = '10s'").ok());
  const std::string finding(CheckSession(*service).message());
  EXPECT_NE(finding.find("statement_timeout is not above lock_timeout"), std::string::npos)
      << finding;
}

TEST(PreflightTest, ASocketWithoutATimeoutIsFound) {
  testsupport::TestDatabase database;
  auto service = Connection::Open(database.service() + " tcp_user_timeout=0", "test");
  ASSERT_TRUE(service.ok()) << service.status();
  const std::string finding(CheckSession(*service).message());
  EXPECT_NE(finding.find("tcp_user_timeout"), std::string::npos) << finding;
}

}  // namespace
}  // namespace postgres
