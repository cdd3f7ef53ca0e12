// A ticket, and the rules by which the kitchen takes it, refuses it, or lets it go.
#ifndef ORDER_SAGA_KITCHEN_SERVICE_DOMAIN_TICKET_H_
#define ORDER_SAGA_KITCHEN_SERVICE_DOMAIN_TICKET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kitchen {

enum class TicketState { kPending, kAccepted, kRejected, kCancelled, kCompleted };

struct Line {
  int64_t product_id = 0;
  int64_t amount = 0;

  friend bool operator==(const Line&, const Line&) = default;
};

struct Ticket {
  std::string order_id;
  TicketState state = TicketState::kPending;
  std::vector<Line> lines;  // each product once, by product
};

// How the kitchen answers.
struct Policy {
  // By itself, at once; or a person does (AcceptTicket, RejectTicket).
  bool automatic = true;
  // Automatic: a ticket of more items, all products together, is rejected.
  int64_t max_items_per_ticket = 100;
};

// Outcomes. They are on the wire: they never change.
inline constexpr std::string_view kKitchenRejected = "KITCHEN_REJECTED";
inline constexpr std::string_view kCancelled = "CANCELLED";
inline constexpr std::string_view kTooLate = "TOO_LATE";
inline constexpr std::string_view kInvalidCommand = "INVALID_COMMAND";

struct Decision {
  enum class Answer { kApproved, kRejected, kLater };
  Answer answer = Answer::kApproved;
  std::string_view outcome;  // for programs
  std::string message;       // the same for people
};

// Each decides over a saga's one ticket (nothing: there was none yet) and changes it accordingly.

// A ticket for an order. One that exists is answered as it stands.
Decision Create(std::optional<Ticket>& ticket, const Policy& policy, std::string_view order_id,
                const std::vector<Line>& lines);

// Withdraws a ticket that is not answered yet. Withdrawn before it was there, it can never be
// accepted.
Decision Cancel(std::optional<Ticket>& ticket);

// What a person decides. False, and nothing changes, unless the ticket is pending (Complete:
// accepted).
bool Accept(Ticket& ticket);
bool Reject(Ticket& ticket);
bool Complete(Ticket& ticket);

}  // namespace kitchen

#endif  // ORDER_SAGA_KITCHEN_SERVICE_DOMAIN_TICKET_H_
