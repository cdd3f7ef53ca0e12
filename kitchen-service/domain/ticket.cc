#include "kitchen-service/domain/ticket.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace kitchen {
namespace {

using Answer = Decision::Answer;

// Beyond any order, and far from where sums overflow.
constexpr int64_t kMaxAmount = 1'000'000'000;
constexpr size_t kMaxLines = 1'000;
constexpr size_t kMaxOrderIdLength = 100;

Decision Invalid(std::string message) {
  return {Answer::kRejected, kInvalidCommand, std::move(message)};
}

// A ticket that exists already: the answer that it has got, or waits for.
Decision AnswerOf(const Ticket& ticket) {
  switch (ticket.state) {
    case TicketState::kPending:
      return {Answer::kLater, "", ""};
    case TicketState::kAccepted:
    case TicketState::kCompleted:
      return {Answer::kApproved, "", ""};
    case TicketState::kRejected:
      return {Answer::kRejected, kKitchenRejected, "the kitchen has rejected this ticket"};
    case TicketState::kCancelled:
      break;
  }
  return {Answer::kRejected, kCancelled, "the ticket was cancelled"};
}

bool Move(Ticket& ticket, TicketState from, TicketState to) {
  if (ticket.state != from) return false;
  ticket.state = to;
  return true;
}

}  // namespace

Decision Create(std::optional<Ticket>& ticket, const Policy& policy, std::string_view order_id,
                const std::vector<Line>& lines) {
  if (ticket.has_value()) return AnswerOf(*ticket);
  // Anything else a database text might not hold.
  const bool visible = std::ranges::all_of(order_id, [](char c) { return c > ' ' && c <= '~'; });
  if (order_id.empty() || order_id.size() > kMaxOrderIdLength || !visible) {
    return Invalid("order_id must be 1 to 100 visible ASCII characters");
  }
  if (lines.empty()) return Invalid("the ticket has no lines");
  if (lines.size() > kMaxLines) return Invalid("the ticket has too many lines");
  std::map<int64_t, int64_t> amounts;
  int64_t items = 0;
  for (const auto& [product_id, amount] : lines) {
    if (amount < 1 || amount > kMaxAmount) {
      return Invalid(absl::StrCat("product ", product_id, ": the amount is ", amount,
                                  ", it must be 1 to ", kMaxAmount));
    }
    if (!amounts.emplace(product_id, amount).second) {
      return Invalid(absl::StrCat("product ", product_id, " is there twice; sum the amounts"));
    }
    items += amount;
  }
  Ticket& made = ticket.emplace();
  made.order_id = std::string(order_id);
  for (const auto& [product_id, amount] : amounts) made.lines.push_back({product_id, amount});
  if (!policy.automatic) return {Answer::kLater, "", ""};
  if (items > policy.max_items_per_ticket) {
    made.state = TicketState::kRejected;
    return {Answer::kRejected, kKitchenRejected,
            absl::StrCat(items, " items on one ticket; the kitchen cooks at most ",
                         policy.max_items_per_ticket)};
  }
  made.state = TicketState::kAccepted;
  return {Answer::kApproved, "", ""};
}

Decision Cancel(std::optional<Ticket>& ticket) {
  if (!ticket.has_value()) ticket.emplace();
  const bool cooked =
      ticket->state == TicketState::kAccepted || ticket->state == TicketState::kCompleted;
  if (cooked) return {Answer::kRejected, kTooLate, "the kitchen has accepted the ticket"};
  Move(*ticket, TicketState::kPending, TicketState::kCancelled);
  return {Answer::kApproved, kCancelled, ""};
}

bool Accept(Ticket& ticket) { return Move(ticket, TicketState::kPending, TicketState::kAccepted); }

bool Reject(Ticket& ticket) { return Move(ticket, TicketState::kPending, TicketState::kRejected); }

bool Complete(Ticket& ticket) {
  return Move(ticket, TicketState::kAccepted, TicketState::kCompleted);
}

}  // namespace kitchen
