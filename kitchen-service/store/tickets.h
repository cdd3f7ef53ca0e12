// The tables tickets and ticket_lines.
#ifndef ORDER_SAGA_KITCHEN_SERVICE_STORE_TICKETS_H_
#define ORDER_SAGA_KITCHEN_SERVICE_STORE_TICKETS_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kitchen-service/domain/ticket.h"
#include "libs/postgres/transaction.h"
#include "libs/uuid/uuid.h"

namespace kitchen {

// As it stands in the table, and in the API: PENDING.
std::string_view NameOf(TicketState state);
TicketState StateNamed(std::string_view name);

struct TicketRow {
  uuid::Uuid ticket_id;
  uuid::Uuid tx_id;
  Ticket ticket;
  // What a pending ticket will answer; empty otherwise.
  std::string command;
  // Microseconds since the Unix epoch.
  int64_t created_at = 0;
  int64_t updated_at = 0;
};

// The tickets of those sagas that have one, locked, in the order of their tx_ids. Without lines.
absl::StatusOr<std::map<uuid::Uuid, TicketRow>> LockTickets(postgres::Transaction& transaction,
                                                            absl::Span<const uuid::Uuid> tx_ids);

// New tickets with their lines. Aborted (run the transaction again) if another transaction made one
// of them in the meantime.
absl::Status InsertTickets(postgres::Transaction& transaction,
                           absl::Span<const TicketRow* const> rows);

// The states of locked tickets. One that is not pending any more forgets its command.
absl::Status UpdateTickets(postgres::Transaction& transaction,
                           absl::Span<const TicketRow* const> rows);

// One ticket with its lines, locked if asked for; nothing if there is none.
absl::StatusOr<std::optional<TicketRow>> FindTicket(postgres::Transaction& transaction,
                                                    const uuid::Uuid& ticket_id, bool lock);

// The newest first, of those older than `before`, with lines.
absl::StatusOr<std::vector<TicketRow>> ListTickets(postgres::Transaction& transaction,
                                                   const uuid::Uuid& before,
                                                   std::optional<TicketState> state, int limit);

}  // namespace kitchen

#endif  // ORDER_SAGA_KITCHEN_SERVICE_STORE_TICKETS_H_
