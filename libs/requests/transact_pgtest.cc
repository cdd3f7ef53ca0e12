#include <gtest/gtest.h>

#include "libs/requests/migrations.h"
#include "libs/requests/transact.h"
#include "libs/service/errors.h"
#include "libs/testing/test_database.h"
#include "product/v1/product_service.pb.h"

namespace requests {
namespace {

class TransactTest : public testing::Test {
 protected:
  TransactTest() {
    EXPECT_TRUE(database_.Connect()
                    .ExecuteScript("CREATE TABLE notes (n bigint); "
                                   "GRANT ALL ON notes TO test_service")
                    .ok());
  }

  static absl::Status Note(outbox::UnitOfWork& work) {
    return work.transaction().Execute("INSERT INTO notes VALUES (1)").status();
  }
  int64_t Notes() { return database_.Count("SELECT count(*) FROM notes"); }
  // As a restart of the server does.
  void CutAllConnections() {
    database_.Count(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()");
  }

  testsupport::TestDatabase database_{{&postgres::RequestMigrations()}};
  postgres::Pool pool_{database_.service(), "test", 3};
};

TEST_F(TransactTest, CommitsOrLeavesNothing) {
  EXPECT_TRUE(Transact(pool_, Note).ok());
  EXPECT_EQ(Notes(), 1);
  absl::Status refused = Transact(pool_, [](outbox::UnitOfWork& work) {
    EXPECT_TRUE(Note(work).ok());
    return absl::NotFoundError("no");
  });
  EXPECT_TRUE(absl::IsNotFound(refused)) << refused;
  EXPECT_EQ(Notes(), 1);
}

TEST_F(TransactTest, OutlivesARestartOfTheServer) {
  { auto one = pool_.Acquire(absl::Seconds(5)), two = pool_.Acquire(absl::Seconds(5)); }
  CutAllConnections();  // two idle ones are dead now
  EXPECT_TRUE(Transact(pool_, Note).ok());
  int attempts = 0;
  absl::Status done = Transact(pool_, [&](outbox::UnitOfWork& work) {
    if (++attempts == 1) CutAllConnections();
    return Note(work);
  });
  EXPECT_TRUE(done.ok()) << done;
  EXPECT_EQ(attempts, 2);
  EXPECT_EQ(Notes(), 2);
}

TEST_F(TransactTest, OutlivesAMigration) {
  auto read = [](postgres::Connection& connection) {
    return connection.Execute("SELECT * FROM notes").status();
  };
  EXPECT_TRUE(Read(pool_, read).ok());
  ASSERT_TRUE(database_.Connect().ExecuteScript("ALTER TABLE notes ADD m bigint").ok());
  absl::Status done = Read(pool_, read);
  EXPECT_TRUE(done.ok()) << done;
}

TEST_F(TransactTest, AReadOutlivesARestartOfTheServer) {
  { auto one = pool_.Acquire(absl::Seconds(5)), two = pool_.Acquire(absl::Seconds(5)); }
  CutAllConnections();
  int64_t answer = 0;
  absl::Status done = Read(pool_, [&](postgres::Connection& connection) {
    auto rows = connection.Execute("SELECT 7::bigint");
    if (rows.ok()) answer = rows->Int64(0, 0);
    return rows.status();
  });
  EXPECT_TRUE(done.ok()) << done;
  EXPECT_EQ(answer, 7);
  done = Read(pool_, [](auto&) { return absl::NotFoundError("no"); });
  EXPECT_TRUE(absl::IsNotFound(done)) << done;
}

TEST_F(TransactTest, RunsAgainWhenTheDatabaseSaysSo) {
  int attempts = 0;
  absl::Status done = Transact(pool_, [&](outbox::UnitOfWork& work) {
    if (absl::Status noted = Note(work); !noted.ok()) return noted;
    return ++attempts < 3 ? absl::AbortedError("again") : absl::OkStatus();
  });
  EXPECT_TRUE(done.ok()) << done;
  EXPECT_EQ(Notes(), 1);
}

TEST_F(TransactTest, FaultsOfOursBlameNobodyElse) {
  absl::Status fault = Transact(pool_, [](outbox::UnitOfWork& work) {
    return work.transaction().Execute("SELECT 1/0").status();
  });
  EXPECT_TRUE(absl::IsInternal(fault)) << fault;
  postgres::Pool unmigrated(database_.service(), "test", 1, [](postgres::Connection&) {
    return absl::FailedPreconditionError("run `migrate`");
  });
  fault = Transact(unmigrated, Note);
  EXPECT_TRUE(absl::IsUnavailable(fault)) << fault;
  EXPECT_EQ(service::ReasonOf(fault), "DATABASE_UNAVAILABLE");
  const auto one = pool_.Acquire(absl::Seconds(5)), two = pool_.Acquire(absl::Seconds(5)),
             three = pool_.Acquire(absl::Seconds(5));
  fault = Read(pool_, [](auto&) { return absl::OkStatus(); });
  EXPECT_TRUE(absl::IsResourceExhausted(fault)) << fault;
  EXPECT_EQ(service::ReasonOf(fault), "DATABASE_BUSY");
}

TEST_F(TransactTest, OncePerRequestId) {
  product::v1::AdjustStockRequest request;
  request.set_delta(1);
  std::string seen;
  auto call = [&](outbox::UnitOfWork& work, bool is_new) {
    seen += is_new ? "new " : "repeat ";
    return is_new ? Note(work) : absl::OkStatus();
  };
  EXPECT_TRUE(TransactOnce(pool_, request, call).ok());
  EXPECT_TRUE(TransactOnce(pool_, request, call).ok());
  EXPECT_EQ(seen, "new new ") << "without an id every call is another one";
  request.set_request_id("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  EXPECT_TRUE(TransactOnce(pool_, request, call).ok());
  EXPECT_TRUE(TransactOnce(pool_, request, call).ok());
  EXPECT_EQ(seen, "new new new repeat ");
  EXPECT_EQ(Notes(), 3);
  request.set_delta(2);
  EXPECT_EQ(service::ReasonOf(TransactOnce(pool_, request, call)), "REQUEST_ID_REUSED");
  request.set_request_id("no uuid");
  EXPECT_TRUE(absl::IsInvalidArgument(TransactOnce(pool_, request, call)));
  EXPECT_EQ(Notes(), 3);
}

TEST_F(TransactTest, AFailedCallLeavesItsRequestIdFree) {
  product::v1::AdjustStockRequest request;
  request.set_request_id("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  auto fail = [](outbox::UnitOfWork&, bool) { return absl::NotFoundError("not yet"); };
  EXPECT_TRUE(absl::IsNotFound(TransactOnce(pool_, request, fail)));
  EXPECT_TRUE(TransactOnce(pool_, request, [](outbox::UnitOfWork&, bool is_new) {
                EXPECT_TRUE(is_new);
                return absl::OkStatus();
              }).ok());
}

}  // namespace
}  // namespace requests
