// The commands CreateTicket and CancelTicket.
#ifndef ORDER_SAGA_KITCHEN_SERVICE_HANDLERS_TICKET_COMMANDS_H_
#define ORDER_SAGA_KITCHEN_SERVICE_HANDLERS_TICKET_COMMANDS_H_

#include "kitchen-service/domain/ticket.h"
#include "libs/participant/participant.h"

namespace kitchen {

class TicketCommands : public participant::CommandHandler {
 public:
  explicit TicketCommands(const Policy& policy) : policy_(policy) {}

  bool Handles(const saga::v1::Envelope& command) const override;

  absl::Status Handle(outbox::UnitOfWork& work,
                      absl::Span<participant::Command* const> batch) override;

 private:
  const Policy policy_;
};

}  // namespace kitchen

#endif  // ORDER_SAGA_KITCHEN_SERVICE_HANDLERS_TICKET_COMMANDS_H_
