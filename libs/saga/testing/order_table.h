#ifndef ORDER_SAGA_LIBS_SAGA_TESTING_ORDER_TABLE_H_
#define ORDER_SAGA_LIBS_SAGA_TESTING_ORDER_TABLE_H_

#include "libs/saga/step_table.h"

// For tests and simulations only: the shape of order-service's saga, which a library may not
// include.
namespace saga {

inline StepTable OrderTable() {
  using enum StepKind;
  const char* const kToProduct = "order-to-product-product-stock";
  const char* const kToCustomer = "order-to-customer-validation";
  const char* const kToKitchen = "order-to-kitchen-status";
  const RetryPolicy five = {.attempts = 5, .first_delay = absl::Milliseconds(200)};
  const RetryPolicy twenty = {.attempts = 20, .max_delay = absl::Minutes(1)};
  return {
      .type = "ORDER_CREATION",
      .version = 1,
      .steps = {
          {.name = "product-stock",
           .kind = kCompensatable,
           .commands = {{.name = "ReserveStock", .topic = kToProduct, .undo = "ReleaseStock"}},
           .timeout = absl::Seconds(30),
           .retry = five},
          {.name = "customer-validation",
           .kind = kCompensatable,
           .commands =
               {{.name = "ValidateCustomer", .topic = kToCustomer, .undo = "ReleaseCredit"}},
           .timeout = absl::Seconds(30),
           .retry = five},
          {.name = "kitchen-status",
           .kind = kPivot,
           .commands = {{.name = "CreateTicket", .topic = kToKitchen, .cancel = "CancelTicket"}},
           .timeout = absl::Minutes(10)},
          {.name = "settle",
           .kind = kRetriable,
           .commands = {{.name = "ConfirmStock", .topic = kToProduct},
                        {.name = "CaptureCredit", .topic = kToCustomer}},
           .retry = twenty},
      }};
}

}  // namespace saga

#endif  // ORDER_SAGA_LIBS_SAGA_TESTING_ORDER_TABLE_H_
