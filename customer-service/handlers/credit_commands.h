// The commands ValidateCustomer, ReleaseCredit and CaptureCredit.
#ifndef ORDER_SAGA_CUSTOMER_SERVICE_HANDLERS_CREDIT_COMMANDS_H_
#define ORDER_SAGA_CUSTOMER_SERVICE_HANDLERS_CREDIT_COMMANDS_H_

#include "libs/participant/participant.h"

namespace customer {

class CreditCommands : public participant::CommandHandler {
 public:
  bool Handles(const saga::v1::Envelope& command) const override;

  absl::Status Handle(outbox::UnitOfWork& work,
                      absl::Span<participant::Command* const> batch) override;
};

}  // namespace customer

#endif  // ORDER_SAGA_CUSTOMER_SERVICE_HANDLERS_CREDIT_COMMANDS_H_
