#include "product-service/handlers/stock_commands.h"

#include <string>
#include <vector>

#include "libs/telemetry/log.h"
#include "product-service/domain/reservation.h"
#include "product-service/store/stock_rows.h"

namespace product {
namespace {

using participant::Command;
using saga::v1::Envelope;

void Fill(const Bill& bill, v1::ProductOrderBill& out) {
  for (const ReservedLine& line : bill.lines) {
    v1::BillLine& filled = *out.add_lines();
    filled.set_product_id(line.product_id);
    filled.set_amount(line.amount);
    filled.mutable_unit_price()->set_currency_code(bill.currency);
    filled.mutable_unit_price()->set_minor_units(line.unit_price_minor);
  }
  out.mutable_total()->set_currency_code(bill.currency);
  out.mutable_total()->set_minor_units(bill.total_minor);
}

Decision Decide(Command& command, StockRows& rows) {
  std::optional<Reservation>& reservation = rows.reservation(command.tx_id());
  switch (command.request().body_case()) {
    case Envelope::kReserveStock: {
      const v1::ReserveStock& wanted = command.request().reserve_stock();
      std::vector<Line> lines;
      for (const v1::StockLine& line : wanted.lines()) {
        lines.push_back({.product_id = line.product_id(), .amount = line.amount()});
      }
      Decision decision = Reserve(reservation, rows.products(), wanted.order_id(), lines);
      v1::ReserveStockReply& reply = *command.reply().mutable_reserve_stock_reply();
      if (decision.bill.has_value()) Fill(*decision.bill, *reply.mutable_bill());
      return decision;
    }
    case Envelope::kReleaseStock:
      command.reply().mutable_release_stock_reply();
      return Release(reservation, rows.products());
    default:  // Handles() lets nothing else in.
      command.reply().mutable_confirm_stock_reply();
      return Confirm(reservation, rows.products());
  }
}

}  // namespace

bool StockCommands::Handles(const Envelope& command) const {
  return command.has_reserve_stock() || command.has_release_stock() || command.has_confirm_stock();
}

absl::Status StockCommands::Handle(outbox::UnitOfWork& work, absl::Span<Command* const> batch) {
  std::vector<uuid::Uuid> tx_ids;
  std::vector<int64_t> product_ids;
  for (const Command* command : batch) {
    tx_ids.push_back(command->tx_id());
    for (const v1::StockLine& line : command->request().reserve_stock().lines()) {
      product_ids.push_back(line.product_id());
    }
  }
  work.AfterCommit([n = batch.size()] { telemetry::Debug("commands decided", {{"commands", n}}); });
  auto rows = StockRows::Load(work.transaction(), std::move(tx_ids), std::move(product_ids));
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

}  // namespace product
