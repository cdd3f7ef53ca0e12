// Over a real connection: what clients see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "customer-service/rpc/customer_service.h"
#include "libs/requests/migrations.h"
#include "libs/requests/testing/served.h"
#include "libs/testing/test_database.h"
#include "libs/uuid/uuid.h"

namespace postgres {
const MigrationSet& CustomerMigrations();
}

namespace customer {
namespace {

using requests::ExpectError;
using testing::ElementsAre;
using Stub = v1::CustomerService::Stub;

class CustomerServiceTest : public testing::Test {
 protected:
  auto Create(const v1::CreateCustomerRequest& request) {
    return served_.Call(&Stub::CreateCustomer, request);
  }
  auto Update(const v1::UpdateCustomerRequest& request) {
    return served_.Call(&Stub::UpdateCustomer, request);
  }
  auto Get(int64_t user_id) {
    v1::GetCustomerRequest request;
    request.set_user_id(user_id);
    return served_.Call(&Stub::GetCustomer, request);
  }
  auto List(int page_size, const std::string& token = "") {
    v1::ListCustomersRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    return served_.Call(&Stub::ListCustomers, request);
  }

  static v1::CreateCustomerRequest Ada(int64_t id) {
    v1::CreateCustomerRequest request;
    request.set_user_id(id);
    request.set_name("Ada");
    request.mutable_credit_limit()->set_currency_code("EUR");
    request.mutable_credit_limit()->set_minor_units(1000);
    return request;
  }
  static v1::UpdateCustomerRequest Change(int64_t id) {
    v1::UpdateCustomerRequest request;
    request.set_user_id(id);
    return request;
  }

  testsupport::TestDatabase database_{
      {&postgres::RequestMigrations(), &postgres::CustomerMigrations()}};
  postgres::Pool pool_{database_.service(), "test", 4};
  CustomerService service_{pool_, pool_};
  requests::Served<v1::CustomerService> served_{service_};
};

TEST_F(CustomerServiceTest, CreatesAndFinds) {
  auto created = Create(Ada(1234));
  ASSERT_TRUE(created.ok()) << created.status();
  const v1::Customer& customer = created->customer();
  EXPECT_EQ(customer.user_id(), 1234);
  EXPECT_EQ(customer.name(), "Ada");
  EXPECT_EQ(customer.status(), v1::Customer::ACTIVE);
  EXPECT_EQ(customer.credit_limit().minor_units(), 1000);
  EXPECT_EQ(customer.held_minor_units(), 0);
  EXPECT_GT(customer.create_time().seconds(), 1'700'000'000);
  EXPECT_EQ(Get(1234)->customer().SerializeAsString(), customer.SerializeAsString());
}

TEST_F(CustomerServiceTest, NamesEveryFieldThatIsWrong) {
  v1::CreateCustomerRequest request;
  request.mutable_credit_limit()->set_minor_units(-1);
  request.set_request_id("7");
  for (const char* field : {"user_id must", "name must", "credit_limit.currency_code must",
                            "credit_limit.minor_units must", "request_id must"}) {
    ExpectError(Create(request), absl::StatusCode::kInvalidArgument, "INVALID_REQUEST", field);
  }
  v1::UpdateCustomerRequest update = Change(0);
  update.set_name(std::string(201, 'x'));
  update.set_status(static_cast<v1::Customer::Status>(9));
  for (const char* field : {"user_id must", "name must", "status is"}) {
    ExpectError(Update(update), absl::StatusCode::kInvalidArgument, "INVALID_REQUEST", field);
  }
  ExpectError(Get(-1), absl::StatusCode::kInvalidArgument, "INVALID_REQUEST", "user_id");
}

TEST_F(CustomerServiceTest, WhatIsNotThereIsNotFound) {
  ExpectError(Get(5), absl::StatusCode::kNotFound, "CUSTOMER_NOT_FOUND", "no customer 5");
  ExpectError(Update(Change(5)), absl::StatusCode::kNotFound, "CUSTOMER_NOT_FOUND",
              "no customer 5");
}

TEST_F(CustomerServiceTest, AnIdIsTakenOnce) {
  EXPECT_TRUE(Create(Ada(1234)).ok());
  ExpectError(Create(Ada(1234)), absl::StatusCode::kAlreadyExists, "CUSTOMER_EXISTS",
              "there is a customer 1234 already");
}

TEST_F(CustomerServiceTest, UpdatesWhatIsGiven) {
  EXPECT_TRUE(Create(Ada(1234)).ok());
  v1::UpdateCustomerRequest block = Change(1234);
  block.set_status(v1::Customer::BLOCKED);
  auto blocked = Update(block);
  ASSERT_TRUE(blocked.ok()) << blocked.status();
  EXPECT_EQ(blocked->customer().status(), v1::Customer::BLOCKED);
  EXPECT_EQ(blocked->customer().name(), "Ada");
  v1::UpdateCustomerRequest rename = Change(1234);
  rename.set_name("Ada Lovelace");
  EXPECT_EQ(Update(rename)->customer().status(), v1::Customer::BLOCKED) << "still";
  EXPECT_EQ(Get(1234)->customer().name(), "Ada Lovelace");
}

TEST_F(CustomerServiceTest, ALimitMayBeLoweredBelowWhatIsHeld) {
  EXPECT_TRUE(Create(Ada(1234)).ok());
  database_.Ask("UPDATE customers SET held_minor = 600, charged_minor = 300 RETURNING name");
  v1::UpdateCustomerRequest lower = Change(1234);
  lower.mutable_credit_limit()->set_currency_code("EUR");
  lower.mutable_credit_limit()->set_minor_units(0);
  auto lowered = Update(lower);
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  EXPECT_EQ(lowered->customer().credit_limit().minor_units(), 0);
  EXPECT_EQ(lowered->customer().held_minor_units(), 600);
  EXPECT_EQ(lowered->customer().charged_minor_units(), 300);
}

TEST_F(CustomerServiceTest, TheCurrencyCannotChange) {
  EXPECT_TRUE(Create(Ada(1234)).ok());
  v1::UpdateCustomerRequest request = Change(1234);
  request.mutable_credit_limit()->set_currency_code("KRW");
  request.mutable_credit_limit()->set_minor_units(1);
  ExpectError(Update(request), absl::StatusCode::kFailedPrecondition, "CURRENCY_CANNOT_CHANGE",
              "has credit in EUR");
  EXPECT_EQ(Get(1234)->customer().credit_limit().minor_units(), 1000);
}

TEST_F(CustomerServiceTest, TheSameRequestIdDoesNothingMore) {
  v1::CreateCustomerRequest create = Ada(1234);
  create.set_request_id(uuid::ToString(uuid::NewV7()));
  EXPECT_TRUE(Create(create).ok());
  EXPECT_TRUE(Create(create).ok());
  v1::UpdateCustomerRequest first = Change(1234), second = Change(1234);
  first.set_request_id(uuid::ToString(uuid::NewV7()));
  first.set_name("first");
  second.set_name("second");
  EXPECT_EQ(Update(first)->customer().name(), "first");
  EXPECT_EQ(Update(second)->customer().name(), "second");
  EXPECT_EQ(Update(first)->customer().name(), "second") << "as it is now";
  first.set_name("third");
  ExpectError(Update(first), absl::StatusCode::kAlreadyExists, "REQUEST_ID_REUSED", "came before");
}

TEST_F(CustomerServiceTest, ListsInPages) {
  for (int64_t id : {3, 1, 5, 2, 4}) EXPECT_TRUE(Create(Ada(id)).ok());
  std::vector<int64_t> ids;
  std::string token;
  do {
    auto page = List(2, token);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const v1::Customer& customer : page->customers()) ids.push_back(customer.user_id());
    token = page->next_page_token();
  } while (!token.empty());
  EXPECT_THAT(ids, ElementsAre(1, 2, 3, 4, 5));
  ExpectError(List(-1), absl::StatusCode::kInvalidArgument, "INVALID_REQUEST", "page_size");
  ExpectError(List(1, "nonsense"), absl::StatusCode::kInvalidArgument, "INVALID_REQUEST",
              "page_token");
}

}  // namespace
}  // namespace customer
