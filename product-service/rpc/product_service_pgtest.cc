// Over a real connection: what clients see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "libs/requests/migrations.h"
#include "libs/requests/testing/served.h"
#include "libs/testing/test_database.h"
#include "libs/uuid/uuid.h"
#include "product-service/rpc/product_service.h"

namespace postgres {
const MigrationSet& ProductMigrations();
}

namespace product {
namespace {

using requests::ExpectError;
using testing::ElementsAre;
using testing::HasSubstr;

using Stub = v1::ProductService::Stub;

class ProductServiceTest : public testing::Test {
 protected:
  auto Create(const v1::CreateProductRequest& request) {
    return served_.Call(&Stub::CreateProduct, request);
  }
  auto Update(const v1::UpdateProductRequest& request) {
    return served_.Call(&Stub::UpdateProduct, request);
  }
  auto Adjust(int64_t product_id, int64_t delta, const std::string& request_id = "") {
    v1::AdjustStockRequest request;
    request.set_product_id(product_id);
    request.set_delta(delta);
    request.set_request_id(request_id);
    return served_.Call(&Stub::AdjustStock, request);
  }
  auto Get(int64_t product_id) {
    v1::GetProductRequest request;
    request.set_product_id(product_id);
    return served_.Call(&Stub::GetProduct, request);
  }
  auto List(int page_size, const std::string& token = "") {
    v1::ListProductsRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    return served_.Call(&Stub::ListProducts, request);
  }
  auto Reservations(int page_size, v1::Reservation::State state, const std::string& token = "") {
    v1::ListReservationsRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    request.set_state(state);
    return served_.Call(&Stub::ListReservations, request);
  }

  static v1::CreateProductRequest Tomatoes(int64_t id) {
    v1::CreateProductRequest request;
    request.set_product_id(id);
    request.set_name("Tomatoes");
    request.mutable_unit_price()->set_currency_code("EUR");
    request.mutable_unit_price()->set_minor_units(250);
    request.set_available(10);
    return request;
  }

  testsupport::TestDatabase database_{
      {&postgres::RequestMigrations(), &postgres::ProductMigrations()}};
  postgres::Pool pool_{database_.service(), "test", 4};
  ProductService service_{pool_, pool_};
  requests::Served<v1::ProductService> served_{service_};
};

TEST_F(ProductServiceTest, CreatesAndFinds) {
  auto created = Create(Tomatoes(123));
  ASSERT_TRUE(created.ok()) << created.status();
  const v1::Product& product = created->product();
  EXPECT_EQ(product.product_id(), 123);
  EXPECT_EQ(product.name(), "Tomatoes");
  EXPECT_EQ(product.unit_price().currency_code(), "EUR");
  EXPECT_EQ(product.unit_price().minor_units(), 250);
  EXPECT_EQ(product.available(), 10);
  EXPECT_EQ(product.reserved(), 0);
  EXPECT_GT(product.create_time().seconds(), 1'700'000'000);
  EXPECT_EQ(Get(123)->product().SerializeAsString(), product.SerializeAsString());
}

TEST_F(ProductServiceTest, NamesEveryFieldThatIsWrong) {
  v1::CreateProductRequest request;
  request.set_product_id(-1);
  request.mutable_unit_price()->set_currency_code("euro");
  request.mutable_unit_price()->set_minor_units(-5);
  request.set_available(-1);
  request.set_request_id("7");
  auto answer = Create(request);
  for (const char* field : {"product_id must", "name must", "unit_price.currency_code must",
                            "unit_price.minor_units must", "available must", "request_id must"}) {
    ExpectError(answer, absl::StatusCode::kInvalidArgument, "INVALID_REQUEST", field);
  }
  ExpectError(Adjust(0, 0), absl::StatusCode::kInvalidArgument, "INVALID_REQUEST",
              "product_id must be 1 or more; delta must not be 0");
  ExpectError(Get(0), absl::StatusCode::kInvalidArgument, "INVALID_REQUEST", "product_id");
  v1::UpdateProductRequest update;
  update.set_product_id(1);
  update.set_name(std::string(201, 'x'));
  update.mutable_unit_price();
  ExpectError(Update(update), absl::StatusCode::kInvalidArgument, "INVALID_REQUEST",
              "name must be 1 to 200 characters; unit_price.currency_code must");
}

TEST_F(ProductServiceTest, WhatIsNotThereIsNotFound) {
  ExpectError(Get(5), absl::StatusCode::kNotFound, "PRODUCT_NOT_FOUND", "there is no product 5");
  ExpectError(Adjust(5, 1), absl::StatusCode::kNotFound, "PRODUCT_NOT_FOUND", "product 5");
  v1::UpdateProductRequest update;
  update.set_product_id(5);
  ExpectError(Update(update), absl::StatusCode::kNotFound, "PRODUCT_NOT_FOUND", "product 5");
}

TEST_F(ProductServiceTest, AnIdIsTakenOnce) {
  EXPECT_TRUE(Create(Tomatoes(123)).ok());
  ExpectError(Create(Tomatoes(123)), absl::StatusCode::kAlreadyExists, "PRODUCT_EXISTS",
              "there is a product 123 already");
}

TEST_F(ProductServiceTest, UpdatesWhatIsGiven) {
  Create(Tomatoes(123)).IgnoreError();
  v1::UpdateProductRequest name;
  name.set_product_id(123);
  name.set_name("Red tomatoes");
  EXPECT_EQ(Update(name)->product().unit_price().minor_units(), 250);
  v1::UpdateProductRequest price;
  price.set_product_id(123);
  price.mutable_unit_price()->set_currency_code("KRW");
  price.mutable_unit_price()->set_minor_units(3000);
  auto updated = Update(price);
  EXPECT_EQ(updated->product().name(), "Red tomatoes");
  EXPECT_EQ(updated->product().unit_price().currency_code(), "KRW");
  EXPECT_EQ(updated->product().available(), 10);
}

TEST_F(ProductServiceTest, StockIsNeverNegative) {
  Create(Tomatoes(123)).IgnoreError();
  EXPECT_EQ(Adjust(123, -4)->product().available(), 6);
  EXPECT_EQ(Adjust(123, 4)->product().available(), 10);
  ExpectError(Adjust(123, -11), absl::StatusCode::kFailedPrecondition, "STOCK_WOULD_BE_NEGATIVE",
              "only 10 of product 123 are available");
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  ExpectError(Adjust(123, kMin), absl::StatusCode::kFailedPrecondition, "STOCK_WOULD_BE_NEGATIVE",
              "only 10");
  ExpectError(Adjust(123, std::numeric_limits<int64_t>::max()),
              absl::StatusCode::kFailedPrecondition, "STOCK_TOO_LARGE", "more than");
  EXPECT_EQ(Get(123)->product().available(), 10);
}

TEST_F(ProductServiceTest, TheSameRequestIdDoesNothingMore) {
  v1::CreateProductRequest create = Tomatoes(123);
  create.set_request_id(uuid::ToString(uuid::NewV7()));
  EXPECT_TRUE(Create(create).ok());
  const std::string id = uuid::ToString(uuid::NewV7());
  EXPECT_EQ(Adjust(123, 5, id)->product().available(), 15);
  EXPECT_EQ(Adjust(123, 5, id)->product().available(), 15);
  EXPECT_EQ(Create(create)->product().available(), 15) << "as it is now";
  ExpectError(Adjust(123, 6, id), absl::StatusCode::kAlreadyExists, "REQUEST_ID_REUSED",
              "came before");
  EXPECT_EQ(Get(123)->product().available(), 15);
}

TEST_F(ProductServiceTest, ListsInPages) {
  for (int64_t id : {3, 1, 5, 2, 4}) EXPECT_TRUE(Create(Tomatoes(id)).ok());
  std::vector<int64_t> ids;
  std::string token;
  do {
    auto page = List(2, token);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LE(page->products_size(), 2);
    for (const v1::Product& product : page->products()) ids.push_back(product.product_id());
    token = page->next_page_token();
  } while (!token.empty());
  EXPECT_THAT(ids, ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(List(0)->products_size(), 5);
  EXPECT_EQ(List(5)->next_page_token(), "") << "nothing follows a page that is just full";
  ExpectError(List(-1), absl::StatusCode::kInvalidArgument, "INVALID_REQUEST", "page_size");
  ExpectError(List(1, "nonsense"), absl::StatusCode::kInvalidArgument, "INVALID_REQUEST",
              "page_token");
}

TEST_F(ProductServiceTest, ListsReservationsNewestFirst) {
  database_.Ask(
      "INSERT INTO reservations (tx_id, order_id, state) VALUES "
      "('00000000-0000-7000-8000-000000000001', 'o1', 'RESERVED'), "
      "('00000000-0000-7000-8000-000000000002', 'o2', 'CONFIRMED'), "
      "('00000000-0000-7000-8000-000000000003', 'o3', 'RESERVED'), "
      "('00000000-0000-7000-8000-000000000004', '', 'RELEASED') RETURNING state");
  database_.Ask(
      "INSERT INTO reservation_lines VALUES ('00000000-0000-7000-8000-000000000003', 124, 2, 99), "
      "('00000000-0000-7000-8000-000000000003', 123, 1, 250), "
      "('00000000-0000-7000-8000-000000000001', 123, 7, 250) RETURNING tx_id::text");
  auto orders = [](const auto& page) {
    std::vector<std::string> orders;
    for (const auto& reservation : page->reservations()) orders.push_back(reservation.order_id());
    return orders;
  };
  auto all = Reservations(3, v1::Reservation::STATE_UNSPECIFIED);
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_THAT(orders(all), ElementsAre("", "o3", "o2"));
  EXPECT_EQ(all->reservations(1).state(), v1::Reservation::RESERVED);
  ASSERT_EQ(all->reservations(1).lines_size(), 2);
  EXPECT_EQ(all->reservations(1).lines(0).product_id(), 123);
  EXPECT_EQ(all->reservations(1).lines(1).amount(), 2);
  auto rest = Reservations(3, v1::Reservation::STATE_UNSPECIFIED, all->next_page_token());
  EXPECT_THAT(orders(rest), ElementsAre("o1"));
  EXPECT_EQ(rest->next_page_token(), "");

  auto reserved = Reservations(1, v1::Reservation::RESERVED);
  EXPECT_THAT(orders(reserved), ElementsAre("o3"));
  EXPECT_THAT(orders(Reservations(1, v1::Reservation::RESERVED, reserved->next_page_token())),
              ElementsAre("o1"));
  EXPECT_THAT(orders(Reservations(1, v1::Reservation::REFUSED)), ElementsAre());
  ExpectError(Reservations(1, v1::Reservation::CONFIRMED, reserved->next_page_token()),
              absl::StatusCode::kInvalidArgument, "INVALID_REQUEST", "page_token");
  ExpectError(Reservations(1, static_cast<v1::Reservation::State>(99)),
              absl::StatusCode::kInvalidArgument, "INVALID_REQUEST", "state");
}

TEST_F(ProductServiceTest, ADatabaseThatIsAwayIsNoFaultOfTheCaller) {
  postgres::Pool nowhere(testsupport::ConninfoFor(database_.service(), "no_such_database", ""),
                         "test", 1);
  ProductService service(nowhere, nowhere);
  grpc::ServerContext context;
  v1::GetProductRequest request;
  request.set_product_id(1);
  v1::GetProductResponse response;
  absl::Status status = service::FromGrpc(service.GetProduct(&context, &request, &response));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(service::ReasonOf(status), "DATABASE_UNAVAILABLE");
  EXPECT_THAT(std::string(status.message()), testing::Not(HasSubstr("no_such_database")));
}

TEST_F(ProductServiceTest, AFloodOfReadsTakesNoConnectionFromAWrite) {
  postgres::Pool reads(database_.service(), "test", 1);
  auto read_that_takes_long = reads.Acquire(absl::Seconds(5));
  ProductService service(pool_, reads);
  grpc::ServerContext context;
  const v1::CreateProductRequest request = Tomatoes(123);
  v1::CreateProductResponse response;
  absl::Status status = service::FromGrpc(service.CreateProduct(&context, &request, &response));
  EXPECT_TRUE(status.ok()) << status;
}

}  // namespace
}  // namespace product
