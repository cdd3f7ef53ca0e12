#include <gtest/gtest.h>

#include <optional>

#include "libs/inbox/migrations.h"
#include "libs/orchestrator/migrations.h"
#include "libs/orchestrator/saga_rows.h"
#include "libs/orchestrator/unknown_sagas.h"
#include "libs/outbox/migrations.h"
#include "libs/testing/test_database.h"

namespace orchestrator {
namespace {

// A transaction that makes a saga and is not over: to others it looks just like one whose commit is
// in the log and not visible yet.
class Creator {
 public:
  explicit Creator(const testsupport::TestDatabase& database)
      : connection_(*postgres::Connection::Open(database.service(), "test")),
        transaction_(*postgres::Transaction::Begin(connection_)) {
    const SagaRow row{.tx_id = tx_id,
                      .saga = {.tx_id = uuid::ToString(tx_id),
                               .type = "TRIP",
                               .table_version = 1,
                               .state = saga::State::kRunning,
                               .step = "hotel",
                               .version = 1}};
    const SagaRow* one[] = {&row};
    EXPECT_TRUE(InsertSagas(*transaction_, one).ok());
  }

  void Commit() { EXPECT_TRUE(transaction_->Commit().ok()); }
  void RollBack() { transaction_.reset(); }

  const uuid::Uuid tx_id = uuid::NewV7();

 private:
  postgres::Connection connection_;
  std::optional<postgres::Transaction> transaction_;
};

class UnknownSagasTest : public testing::Test {
 protected:
  absl::Status Confirm(const std::vector<uuid::Uuid>& tx_ids) {
    auto transaction = postgres::Transaction::Begin(service_);
    return unknown_.Confirm(*transaction, tx_ids);
  }

  testsupport::TestDatabase database_{{&postgres::PartitionMigrations(),
                                       &postgres::OutboxMigrations(), &postgres::InboxMigrations(),
                                       &postgres::OrchestratorMigrations()}};
  postgres::Connection service_ = *postgres::Connection::Open(database_.service(), "test");
  UnknownSagas unknown_;
};

TEST_F(UnknownSagasTest, ASagaThatNobodyMakesIsUnknownAtOnce) {
  EXPECT_TRUE(Confirm({uuid::NewV7()}).ok());
}

TEST_F(UnknownSagasTest, ASagaThatIsBeingMadeIsWaitedFor) {
  Creator creator(database_);
  EXPECT_TRUE(absl::IsAborted(Confirm({creator.tx_id})));
  EXPECT_TRUE(absl::IsAborted(Confirm({creator.tx_id})));
  creator.Commit();
  EXPECT_TRUE(absl::IsAborted(Confirm({creator.tx_id}))) << "it is there: look again";
}

TEST_F(UnknownSagasTest, ASagaWhoseMakerGaveUpIsUnknown) {
  Creator creator(database_);
  EXPECT_TRUE(absl::IsAborted(Confirm({creator.tx_id})));
  creator.RollBack();
  EXPECT_TRUE(Confirm({creator.tx_id}).ok());
}

TEST_F(UnknownSagasTest, WhoeverBeganLaterIsNotWaitedFor) {
  const uuid::Uuid stranger = uuid::NewV7();
  std::optional<Creator> first(std::in_place, database_);
  EXPECT_TRUE(absl::IsAborted(Confirm({stranger})));
  Creator second(database_);
  first->Commit();
  EXPECT_TRUE(Confirm({stranger}).ok());
}

TEST_F(UnknownSagasTest, OneThatMayAppearHoldsUpTheOthersOfItsBatch) {
  const uuid::Uuid stranger = uuid::NewV7();
  Creator creator(database_);
  EXPECT_TRUE(absl::IsAborted(Confirm({stranger, creator.tx_id})));
  creator.Commit();
  EXPECT_TRUE(absl::IsAborted(Confirm({stranger, creator.tx_id})));
  EXPECT_TRUE(Confirm({stranger}).ok());
}

}  // namespace
}  // namespace orchestrator
