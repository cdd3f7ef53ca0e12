#include "kitchen-service/store/tickets.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/telemetry/check.h"

namespace kitchen {
namespace {

constexpr std::array<std::pair<TicketState, std::string_view>, 5> kStates = {{
    {TicketState::kPending, "PENDING"},
    {TicketState::kAccepted, "ACCEPTED"},
    {TicketState::kRejected, "REJECTED"},
    {TicketState::kCancelled, "CANCELLED"},
    {TicketState::kCompleted, "COMPLETED"},
}};

constexpr char kColumns[] = "ticket_id, tx_id, order_id, state, command, created_at, updated_at";

TicketRow ReadRow(const postgres::Result& rows, int i) {
  return {.ticket_id = rows.Id(i, 0),
          .tx_id = rows.Id(i, 1),
          .ticket = {.order_id = std::string(rows.Text(i, 2)),
                     .state = StateNamed(rows.Text(i, 3)),
                     .lines = {}},
          .command = std::string(rows.TextOrEmpty(i, 4)),
          .created_at = rows.UnixMicroseconds(i, 5),
          .updated_at = rows.UnixMicroseconds(i, 6)};
}

absl::Status ReadLines(postgres::Transaction& transaction, std::vector<TicketRow>& tickets) {
  if (tickets.empty()) return absl::OkStatus();
  std::map<uuid::Uuid, TicketRow*> by_tx_id;
  std::vector<uuid::Uuid> tx_ids;
  for (TicketRow& ticket : tickets) {
    by_tx_id[ticket.tx_id] = &ticket;
    tx_ids.push_back(ticket.tx_id);
  }
  auto rows = transaction.Execute(
      "SELECT tx_id, product_id, amount FROM ticket_lines WHERE tx_id = ANY($1::uuid[]) "
      "ORDER BY tx_id, product_id",
      postgres::Params().Ids(tx_ids));
  if (!rows.ok()) return rows.status();
  for (int i = 0; i < rows->rows(); ++i) {
    by_tx_id[rows->Id(i, 0)]->ticket.lines.push_back({rows->Int64(i, 1), rows->Int64(i, 2)});
  }
  return absl::OkStatus();
}

absl::Status InsertLines(postgres::Transaction& transaction,
                         absl::Span<const TicketRow* const> tickets) {
  std::vector<uuid::Uuid> tx_ids;
  std::vector<int64_t> products, amounts;
  for (const TicketRow* row : tickets) {
    for (const Line& line : row->ticket.lines) {
      tx_ids.push_back(row->tx_id);
      products.push_back(line.product_id);
      amounts.push_back(line.amount);
    }
  }
  if (tx_ids.empty()) return absl::OkStatus();
  return transaction
      .Execute(
          "INSERT INTO ticket_lines SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[])",
          postgres::Params().Ids(tx_ids).Int64s(products).Int64s(amounts))
      .status();
}

}  // namespace

std::string_view NameOf(TicketState state) {
  for (const auto& [value, name] : kStates) {
    if (value == state) return name;
  }
  telemetry::Die("a ticket's state without a name");
}

TicketState StateNamed(std::string_view text) {
  for (const auto& [value, name] : kStates) {
    if (name == text) return value;
  }
  telemetry::Die("a ticket's state that the table forbids");
}

absl::StatusOr<std::map<uuid::Uuid, TicketRow>> LockTickets(postgres::Transaction& transaction,
                                                            absl::Span<const uuid::Uuid> tx_ids) {
  auto rows = transaction.Execute(
      absl::StrCat("SELECT ", kColumns,
                   " FROM tickets WHERE tx_id = ANY($1::uuid[]) ORDER BY tx_id FOR UPDATE"),
      postgres::Params().Ids(tx_ids));
  if (!rows.ok()) return rows.status();
  std::map<uuid::Uuid, TicketRow> tickets;
  for (int i = 0; i < rows->rows(); ++i) tickets.emplace(rows->Id(i, 1), ReadRow(*rows, i));
  return tickets;
}

absl::Status InsertTickets(postgres::Transaction& transaction,
                           absl::Span<const TicketRow* const> tickets) {
  if (tickets.empty()) return absl::OkStatus();
  std::vector<uuid::Uuid> ticket_ids, tx_ids;
  std::vector<std::string> order_ids, states;
  std::vector<std::optional<std::string>> commands;
  for (const TicketRow* row : tickets) {
    ticket_ids.push_back(row->ticket_id);
    tx_ids.push_back(row->tx_id);
    order_ids.push_back(row->ticket.order_id);
    states.emplace_back(NameOf(row->ticket.state));
    commands.push_back(row->command.empty() ? std::nullopt : std::optional(row->command));
  }
  auto inserted = transaction.Execute(
      "INSERT INTO tickets (ticket_id, tx_id, order_id, state, command) "
      "SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bytea[]) "
      "ON CONFLICT (tx_id) DO NOTHING",
      postgres::Params()
          .Ids(ticket_ids)
          .Ids(tx_ids)
          .Texts(order_ids)
          .Texts(states)
          .NullableBytes(commands));
  if (!inserted.ok()) return inserted.status();
  if (inserted->affected() != static_cast<int64_t>(tickets.size())) {
    return absl::AbortedError("a ticket was made by another transaction in the meantime");
  }
  return InsertLines(transaction, tickets);
}

absl::Status UpdateTickets(postgres::Transaction& transaction,
                           absl::Span<const TicketRow* const> tickets) {
  if (tickets.empty()) return absl::OkStatus();
  std::vector<uuid::Uuid> tx_ids;
  std::vector<std::string> states;
  for (const TicketRow* row : tickets) {
    tx_ids.push_back(row->tx_id);
    states.emplace_back(NameOf(row->ticket.state));
  }
  return transaction
      .Execute(
          "UPDATE tickets SET state = t.state, updated_at = clock_timestamp(), "
          "command = CASE WHEN t.state = 'PENDING' THEN command END "
          "FROM unnest($1::uuid[], $2::text[]) AS t (tx_id, state) "
          "WHERE tickets.tx_id = t.tx_id",
          postgres::Params().Ids(tx_ids).Texts(states))
      .status();
}

absl::StatusOr<std::optional<TicketRow>> FindTicket(postgres::Transaction& transaction,
                                                    const uuid::Uuid& ticket_id, bool lock) {
  auto rows =
      transaction.Execute(absl::StrCat("SELECT ", kColumns, " FROM tickets WHERE ticket_id = $1",
                                       lock ? " FOR UPDATE" : ""),
                          postgres::Params().Id(ticket_id));
  if (!rows.ok()) return rows.status();
  if (rows->rows() == 0) return std::nullopt;
  std::vector<TicketRow> found = {ReadRow(*rows, 0)};
  if (absl::Status lines = ReadLines(transaction, found); !lines.ok()) return lines;
  return std::move(found.front());
}

absl::StatusOr<std::vector<TicketRow>> ListTickets(postgres::Transaction& transaction,
                                                   const uuid::Uuid& before,
                                                   std::optional<TicketState> state, int limit) {
  postgres::Params params;
  params.Id(before).Int64(limit);
  if (state.has_value()) params.Text(NameOf(*state));
  auto rows = transaction.Execute(
      absl::StrCat("SELECT ", kColumns, " FROM tickets WHERE ticket_id < $1",
                   state.has_value() ? " AND state = $3" : "", " ORDER BY ticket_id DESC LIMIT $2"),
      params);
  if (!rows.ok()) return rows.status();
  std::vector<TicketRow> tickets;
  for (int i = 0; i < rows->rows(); ++i) tickets.push_back(ReadRow(*rows, i));
  if (absl::Status lines = ReadLines(transaction, tickets); !lines.ok()) return lines;
  return tickets;
}

}  // namespace kitchen
