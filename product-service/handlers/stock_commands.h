// The commands ReserveStock, ReleaseStock and ConfirmStock.
#ifndef ORDER_SAGA_PRODUCT_SERVICE_HANDLERS_STOCK_COMMANDS_H_
#define ORDER_SAGA_PRODUCT_SERVICE_HANDLERS_STOCK_COMMANDS_H_

#include "libs/participant/participant.h"

namespace product {

class StockCommands : public participant::CommandHandler {
 public:
  bool Handles(const saga::v1::Envelope& command) const override;

  absl::Status Handle(outbox::UnitOfWork& work,
                      absl::Span<participant::Command* const> batch) override;
};

}  // namespace product

#endif  // ORDER_SAGA_PRODUCT_SERVICE_HANDLERS_STOCK_COMMANDS_H_
