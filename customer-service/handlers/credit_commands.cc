#include "customer-service/handlers/credit_commands.h"

#include <string>
#include <vector>

#include "customer-service/domain/credit_hold.h"
#include "customer-service/store/credit_rows.h"
#include "libs/telemetry/log.h"

namespace customer {
namespace {

using participant::Command;
using saga::v1::Envelope;

Decision Decide(Command& command, CreditRows& rows) {
  std::optional<CreditHold>& hold = rows.hold(command.tx_id());
  switch (command.request().body_case()) {
    case Envelope::kValidateCustomer: {
      const v1::ValidateCustomer& asked = command.request().validate_customer();
      command.reply().mutable_validate_customer_reply();
      return Hold(hold, rows.customers(),
                  {.order_id = asked.order_id(),
                   .user_id = asked.user_id(),
                   .amount_minor = asked.total().minor_units(),
                   .currency = asked.total().currency_code()});
    }
    case Envelope::kReleaseCredit:
      command.reply().mutable_release_credit_reply();
      return Release(hold, rows.customers());
    default:  // Handles() lets nothing else in.
      command.reply().mutable_capture_credit_reply();
      return Capture(hold, rows.customers());
  }
}

}  // namespace

bool CreditCommands::Handles(const Envelope& command) const {
  return command.has_validate_customer() || command.has_release_credit() ||
         command.has_capture_credit();
}

absl::Status CreditCommands::Handle(outbox::UnitOfWork& work, absl::Span<Command* const> batch) {
  work.AfterCommit([n = batch.size()] { telemetry::Debug("commands decided", {{"commands", n}}); });
  std::vector<uuid::Uuid> tx_ids;
  std::vector<int64_t> user_ids;
  for (const Command* command : batch) {
    tx_ids.push_back(command->tx_id());
    if (command->request().has_validate_customer()) {
      user_ids.push_back(command->request().validate_customer().user_id());
    }
  }
  auto rows = CreditRows::Load(work.transaction(), std::move(tx_ids), std::move(user_ids));
  if (!rows.ok()) return rows.status();
  for (Command* command : batch) {
    const Decision decision = Decide(*command, *rows);
    if (decision.approved) {
      command->Approve();
    } else {
      command->Reject(decision.outcome, decision.message);
    }
  }
  return rows->Save(work.transaction());
}

}  // namespace customer
