#include "kitchen-service/handlers/ticket_commands.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kitchen-service/store/tickets.h"

namespace kitchen {
namespace {

using participant::Command;
using saga::v1::Envelope;

// The batch's tickets: each saga's one, as it was and as the batch leaves it.
struct Entry {
  TicketRow row;
  std::optional<Ticket> ticket;  // nothing: there is none (yet)
  bool is_new = true;
};

Decision Decide(Command& command, const Policy& policy, Entry& entry) {
  if (command.request().has_cancel_ticket()) {
    command.reply().mutable_cancel_ticket_reply();
    return Cancel(entry.ticket);
  }
  const v1::CreateTicket& wanted = command.request().create_ticket();
  std::vector<Line> lines;
  for (const v1::TicketLine& line : wanted.lines()) {
    lines.push_back({line.product_id(), line.amount()});
  }
  const Decision decision = Create(entry.ticket, policy, wanted.order_id(), lines);
  v1::CreateTicketReply& reply = *command.reply().mutable_create_ticket_reply();
  if (decision.answer == Decision::Answer::kApproved) {
    reply.set_ticket_id(uuid::ToString(entry.row.ticket_id));
  }
  // Remembered before it is answered: the memory is the question.
  if (decision.answer == Decision::Answer::kLater) entry.row.command = command.Remember();
  return decision;
}

}  // namespace

bool TicketCommands::Handles(const Envelope& command) const {
  return command.has_create_ticket() || command.has_cancel_ticket();
}

absl::Status TicketCommands::Handle(outbox::UnitOfWork& work, absl::Span<Command* const> batch) {
  std::vector<uuid::Uuid> tx_ids;
  for (const Command* command : batch) tx_ids.push_back(command->tx_id());
  auto locked = LockTickets(work.transaction(), tx_ids);
  if (!locked.ok()) return locked.status();
  std::map<uuid::Uuid, Entry> entries;
  for (auto& [tx_id, row] : *locked) {
    Entry& entry = entries[tx_id];
    entry.ticket = row.ticket;
    entry.row = std::move(row);
    entry.is_new = false;
  }

  for (Command* command : batch) {
    auto [found, added] = entries.try_emplace(command->tx_id());
    Entry& entry = found->second;
    if (added) {
      entry.row.ticket_id = uuid::NewV7();
      entry.row.tx_id = command->tx_id();
    }
    const Decision decision = Decide(*command, policy_, entry);
    switch (decision.answer) {
      case Decision::Answer::kApproved:
        command->Approve(decision.outcome);
        break;
      case Decision::Answer::kRejected:
        command->Reject(decision.outcome, decision.message);
        break;
      case Decision::Answer::kLater:
        break;
    }
  }

  std::vector<const TicketRow*> made, changed;
  for (auto& [tx_id, entry] : entries) {
    if (!entry.ticket.has_value()) continue;  // a command without sense left none
    const bool same = !entry.is_new && entry.row.ticket.state == entry.ticket->state;
    entry.row.ticket = *entry.ticket;
    if (!same) (entry.is_new ? made : changed).push_back(&entry.row);
  }
  if (absl::Status stored = InsertTickets(work.transaction(), made); !stored.ok()) return stored;
  return UpdateTickets(work.transaction(), changed);
}

}  // namespace kitchen
