#include "libs/saga/diagram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libs/saga/testing/order_table.h"

namespace saga {
namespace {

TEST(DiagramTest, OfTheOrderSaga) {
  EXPECT_EQ(Mermaid(OrderTable()), R"(---
title: ORDER_CREATION version 1
---
stateDiagram-v2
  state "product-stock (compensatable)<br/>ReserveStock" as do_product_stock
  state "undo product-stock<br/>ReleaseStock" as undo_product_stock
  state "customer-validation (compensatable)<br/>ValidateCustomer" as do_customer_validation
  state "undo customer-validation<br/>ReleaseCredit" as undo_customer_validation
  state "kitchen-status (pivot)<br/>CreateTicket" as do_kitchen_status
  state "settle (retriable)<br/>ConfirmStock ∥ CaptureCredit" as do_settle
  [*] --> do_product_stock
  do_product_stock --> COMPENSATED : refused
  undo_product_stock --> COMPENSATED : undone
  do_product_stock --> do_customer_validation : done
  do_customer_validation --> undo_product_stock : refused
  undo_customer_validation --> undo_product_stock : undone
  do_customer_validation --> do_kitchen_status : done
  do_kitchen_status --> undo_customer_validation : refused
  do_kitchen_status --> do_settle : accepted, only forward from here
  do_settle --> COMPLETED : done
  COMPLETED --> [*]
  COMPENSATED --> [*]
)");
}

TEST(DiagramTest, ParallelCommandsMayBeRefusedInPart) {
  StepTable table = OrderTable();
  table.steps[0].commands.push_back({.name = "ReserveCup", .topic = "to-cups", .undo = "FreeCup"});
  EXPECT_THAT(Mermaid(table),
              testing::HasSubstr("do_product_stock --> undo_product_stock : refused in part"));
}

TEST(DiagramTest, WithoutRefusalsThereIsNoWayBack) {
  StepTable table = OrderTable();
  table.steps.erase(table.steps.begin(), table.steps.begin() + 3);
  EXPECT_THAT(Mermaid(table), testing::Not(testing::HasSubstr("COMPENSATED")));
}

}  // namespace
}  // namespace saga
