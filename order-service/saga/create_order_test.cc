#include "order-service/saga/create_order.h"

#include <gtest/gtest.h>

#include <set>

#include "libs/saga/testing/order_table.h"
#include "order/v1/create_order_data.pb.h"

namespace order {
namespace {

using saga::v1::Envelope;

class CreateOrderSagaTest : public testing::Test {
 protected:
  Envelope Filled(const std::string& command, const std::string& data) {
    Envelope envelope;
    absl::Status filled = saga_.Fill({.name = command}, data, envelope);
    EXPECT_TRUE(filled.ok()) << command << ": " << filled;
    return envelope;
  }

  CreateOrderSaga saga_{"", [](const auto&) {}};
  OrderRow order_{.order_id = uuid::NewV7(), .user_id = 1234, .lines = {{123, 4}, {124, 5}}};
  std::string data_ = CreateOrderDataOf(order_);
};

TEST_F(CreateOrderSagaTest, TheTableIsSound) {
  const absl::Status sound = saga::Validate(saga_.table());
  EXPECT_TRUE(sound.ok()) << sound;
}

TEST_F(CreateOrderSagaTest, TheSimulatorRunsThisTable) {
  EXPECT_EQ(saga_.table(), saga::OrderTable());
}

TEST_F(CreateOrderSagaTest, EveryCommandOfTheTableHasItsOwnBody) {
  Envelope bill;
  bill.set_status(Envelope::APPROVED);
  bill.mutable_reserve_stock_reply()->mutable_bill()->mutable_total()->set_minor_units(7);
  ASSERT_TRUE(saga_.Absorb("ReserveStock", bill, data_).ok());
  std::set<int> bodies;
  for (const saga::Step& step : saga_.table().steps) {
    for (const saga::Command& command : step.commands) {
      for (const std::string& name : {command.name, command.undo, command.cancel}) {
        if (name.empty()) continue;
        EXPECT_TRUE(bodies.insert(Filled(name, data_).body_case()).second) << name;
      }
    }
  }
  EXPECT_EQ(bodies.size(), 8u);
  EXPECT_FALSE(bodies.contains(Envelope::BODY_NOT_SET));
}

TEST_F(CreateOrderSagaTest, TheCustomerIsAskedForTheBillsTotal) {
  Envelope nothing;
  EXPECT_TRUE(absl::IsFailedPrecondition(saga_.Fill({.name = "ValidateCustomer"}, data_, nothing)));
  Envelope reply;
  reply.set_status(Envelope::APPROVED);
  reply.mutable_reserve_stock_reply()->mutable_bill()->mutable_total()->set_minor_units(63000);
  ASSERT_TRUE(saga_.Absorb("ReserveStock", reply, data_).ok());
  const Envelope command = Filled("ValidateCustomer", data_);
  EXPECT_EQ(command.validate_customer().user_id(), 1234);
  EXPECT_EQ(command.validate_customer().total().minor_units(), 63000);
}

TEST_F(CreateOrderSagaTest, AnApprovalWithoutABillIsRefused) {
  Envelope reply;
  reply.set_status(Envelope::APPROVED);
  reply.mutable_reserve_stock_reply();
  EXPECT_TRUE(absl::IsInvalidArgument(saga_.Absorb("ReserveStock", reply, data_)));
  reply.set_status(Envelope::REJECTED);
  EXPECT_TRUE(saga_.Absorb("ReserveStock", reply, data_).ok());
}

TEST_F(CreateOrderSagaTest, AnotherCommandsReplyIsNoAnswer) {
  Envelope reply;
  reply.set_status(Envelope::APPROVED);
  reply.mutable_release_stock_reply();
  EXPECT_TRUE(absl::IsInvalidArgument(saga_.Absorb("ReserveStock", reply, data_)));
  EXPECT_TRUE(saga_.Absorb("ReleaseStock", reply, data_).ok());
}

TEST_F(CreateOrderSagaTest, TopicsCarryThePrefix) {
  EXPECT_EQ(CreateOrderSteps("t1-").steps[0].commands[0].topic,
            "t1-order-to-product-product-stock");
}

}  // namespace
}  // namespace order
