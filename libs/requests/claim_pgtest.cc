#include <gtest/gtest.h>

#include <thread>

#include "libs/requests/claim.h"
#include "libs/requests/migrations.h"
#include "libs/service/errors.h"
#include "libs/testing/test_database.h"
#include "product/v1/product_service.pb.h"

namespace requests {
namespace {

product::v1::AdjustStockRequest Adjust(int64_t delta) {
  product::v1::AdjustStockRequest request;
  request.set_product_id(123);
  request.set_delta(delta);
  return request;
}

class ClaimTest : public testing::Test {
 protected:
  postgres::Connection Connect() {
    return *postgres::Connection::Open(database_.service(), "test");
  }

  // In a transaction of its own. "new", "repeat", or the error's reason.
  std::string Claimed(const google::protobuf::Message& request, const uuid::Uuid& id) {
    auto transaction = postgres::Transaction::Begin(connection_);
    auto is_new = Claim(*transaction, id, request);
    EXPECT_TRUE(transaction->Commit().ok());
    if (!is_new.ok()) return service::ReasonOf(is_new.status());
    return *is_new ? "new" : "repeat";
  }

  testsupport::TestDatabase database_{{&postgres::RequestMigrations()}};
  postgres::Connection connection_ = Connect();
  const uuid::Uuid id_ = uuid::NewV7();
};

TEST_F(ClaimTest, ARepeatIsRecognised) {
  EXPECT_EQ(Claimed(Adjust(5), id_), "new");
  EXPECT_EQ(Claimed(Adjust(5), id_), "repeat");
  EXPECT_EQ(Claimed(Adjust(5), uuid::NewV7()), "new");
}

TEST_F(ClaimTest, AnotherRequestWithTheSameIdIsRefused) {
  EXPECT_EQ(Claimed(Adjust(5), id_), "new");
  EXPECT_EQ(Claimed(Adjust(6), id_), "REQUEST_ID_REUSED");
  EXPECT_EQ(Claimed(Adjust(5), id_), "repeat");
}

TEST_F(ClaimTest, EachMethodHasItsOwnIds) {
  product::v1::UpdateProductRequest other;
  other.set_product_id(123);
  EXPECT_EQ(Claimed(Adjust(5), id_), "new");
  EXPECT_EQ(Claimed(other, id_), "new");
  EXPECT_EQ(database_.Ask("SELECT string_agg(method, ' ' ORDER BY method) FROM requests"),
            "product.v1.AdjustStock product.v1.UpdateProduct");
}

TEST_F(ClaimTest, OnlyWhatTheProgramKnowsCounts) {
  product::v1::AdjustStockRequest first = Adjust(5), later = Adjust(5);
  first.set_request_id("one spelling");
  later.set_request_id("ANOTHER SPELLING");
  later.GetReflection()->MutableUnknownFields(&later)->AddVarint(999, 1);
  EXPECT_EQ(Claimed(first, id_), "new");
  EXPECT_EQ(Claimed(later, id_), "repeat");
}

TEST_F(ClaimTest, WhatIsRolledBackWasNeverClaimed) {
  {
    auto transaction = postgres::Transaction::Begin(connection_);
    EXPECT_TRUE(*Claim(*transaction, id_, Adjust(5)));
  }
  EXPECT_EQ(Claimed(Adjust(6), id_), "new");
}

TEST_F(ClaimTest, ASecondOneAtTheSameTimeWaitsForTheFirst) {
  postgres::Connection other = Connect();
  auto first = postgres::Transaction::Begin(other);
  EXPECT_TRUE(*Claim(*first, id_, Adjust(5)));
  std::thread second([&] { EXPECT_EQ(Claimed(Adjust(5), id_), "repeat"); });
  // Until the second one waits for the first one's row.
  while (database_.Count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                         "AND wait_event = 'transactionid'") == 0) {
  }
  EXPECT_TRUE(first->Commit().ok());
  second.join();
}

TEST_F(ClaimTest, ExpiredIdsAreForgottenAFewAtATime) {
  database_.Ask(
      "INSERT INTO requests SELECT 'product.v1.AdjustStock', gen_random_uuid(), '', "
      "now() - interval '8 days' FROM generate_series(1, 15) RETURNING method");
  EXPECT_EQ(Claimed(Adjust(1), id_), "new");
  EXPECT_EQ(database_.Count("SELECT count(*) FROM requests"), 6);
  EXPECT_EQ(Claimed(Adjust(1), uuid::NewV7()), "new");
  EXPECT_EQ(database_.Count("SELECT count(*) FROM requests"), 2);
  EXPECT_EQ(Claimed(Adjust(1), id_), "repeat");
}

}  // namespace
}  // namespace requests
