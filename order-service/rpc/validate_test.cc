#include "order-service/rpc/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/requests/page.h"
#include "libs/service/errors.h"

namespace order {
namespace {

using testing::HasSubstr;

v1::CreateOrderRequest Seed() {
  v1::CreateOrderRequest request;
  request.set_user_id(1234);
  for (auto [product, amount] : {std::pair{123, 4}, {124, 5}}) {
    auto* line = request.add_order_products();
    line->set_product_id(product);
    line->set_amount(amount);
  }
  return request;
}

std::string FaultOf(const v1::CreateOrderRequest& request) {
  auto command = ToCommand(request);
  EXPECT_TRUE(absl::IsInvalidArgument(command.status())) << command.status();
  return command.status().ToString();
}

TEST(ToCommandTest, TheSeedsOrder) {
  auto command = ToCommand(Seed());
  ASSERT_TRUE(command.ok()) << command.status();
  EXPECT_EQ(command->user_id, 1234);
  EXPECT_EQ(command->lines, (std::vector<Line>{{123, 4}, {124, 5}}));
  EXPECT_TRUE(uuid::IsV7(command->request_id)) << "the door makes one where none came";
}

TEST(ToCommandTest, EveryFaultAtOnce) {
  v1::CreateOrderRequest request;
  request.set_user_id(-1);
  request.set_request_id("seven");
  request.mutable_wait_timeout()->set_seconds(61);
  const std::string fault = FaultOf(request);
  for (const char* field : {"user_id", "order_products", "request_id", "wait_timeout"}) {
    EXPECT_THAT(fault, HasSubstr(field));
  }
}

TEST(ToCommandTest, LinesAreNamedByTheirIndex) {
  v1::CreateOrderRequest request = Seed();
  request.mutable_order_products(1)->set_amount(0);
  EXPECT_THAT(FaultOf(request), HasSubstr("order_products[1].amount"));
}

TEST(ToCommandTest, ANegativeWaitIsRefused) {
  v1::CreateOrderRequest request = Seed();
  request.mutable_wait_timeout()->set_nanos(-1);
  EXPECT_THAT(FaultOf(request), HasSubstr("wait_timeout"));
}

TEST(ToQueryTest, PagesHaveDefaultsAndLimits) {
  v1::ListOrdersRequest request;
  EXPECT_EQ(ToQuery(request)->limit, 50);
  request.set_page_size(10'000);
  EXPECT_EQ(ToQuery(request)->limit, 500);
  request.set_page_size(-1);
  EXPECT_TRUE(absl::IsInvalidArgument(ToQuery(request).status()));
}

TEST(ToQueryTest, TokensComeBackToTheirOwnList) {
  const uuid::Uuid last = uuid::NewV7();
  v1::ListOrdersRequest request;
  request.set_user_id(5);
  request.set_page_token(requests::TokenAfter(ToQuery(request)->list, uuid::ToString(last)));
  EXPECT_EQ(ToQuery(request)->before, last);
  request.set_user_id(6);
  EXPECT_TRUE(absl::IsInvalidArgument(ToQuery(request).status())) << "another user's orders";
  for (const char* token : {"x", "!!", "AAAA"}) {
    request.set_page_token(token);
    EXPECT_TRUE(absl::IsInvalidArgument(ToQuery(request).status())) << token;
  }
}

}  // namespace
}  // namespace order
