#include "kitchen-service/rpc/kitchen_service.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "kitchen-service/rpc/ticket_message.h"
#include "kitchen-service/store/tickets.h"
#include "libs/requests/fields.h"
#include "libs/requests/page.h"
#include "libs/requests/transact.h"
#include "libs/service/errors.h"
#include "libs/service/rpc_status.h"

namespace kitchen {
namespace {

constexpr int64_t kMaxMessage = 500;

absl::Status NotFound(const std::string& ticket_id) {
  return service::Error(absl::StatusCode::kNotFound, "TICKET_NOT_FOUND",
                        "there is no ticket " + ticket_id, {{"ticket_id", ticket_id}});
}

// A person decided what the ticket's state does not allow.
absl::Status WrongState(const TicketRow& row, std::string_view needed) {
  return service::Error(
      absl::StatusCode::kFailedPrecondition, "TICKET_WRONG_STATE",
      absl::StrCat("the ticket is ", std::string(NameOf(row.ticket.state)),
                   "; only a ticket that is ", std::string(needed), " can be changed so"),
      {{"ticket_id", uuid::ToString(row.ticket_id)}});
}

// The id of a request's ticket; what is wrong with it, and with its request_id.
template <typename Request>
absl::StatusOr<uuid::Uuid> CheckedTicketId(const Request& request, service::Violations violations) {
  auto id = uuid::Parse(request.ticket_id());
  if (!id.ok()) violations.Add("ticket_id", std::string(id.status().message()));
  if constexpr (requires { request.request_id(); }) {
    requests::CheckRequestId(request.request_id(), violations);
  }
  if (!violations.empty()) return violations.ToStatus();
  return *id;
}

// Changes one ticket under its lock, once for each request_id, and answers with it as it is then.
template <typename Request, typename Response, typename Change>
absl::Status ChangeTicket(postgres::Pool& pool, const Request& request, Response& response,
                          const uuid::Uuid& ticket_id, Change change) {
  return requests::TransactOnce(pool, request, [&](outbox::UnitOfWork& work, bool is_new) {
    auto row = FindTicket(work.transaction(), ticket_id, /*lock=*/is_new);
    if (!row.ok()) return row.status();
    if (!row->has_value()) return NotFound(request.ticket_id());
    if (is_new) {
      if (absl::Status changed = change(work, **row); !changed.ok()) return changed;
      const TicketRow* one[] = {&**row};
      absl::Status stored = UpdateTickets(work.transaction(), one);
      if (!stored.ok()) return stored;
      row = FindTicket(work.transaction(), ticket_id, /*lock=*/false);
      if (!row.ok()) return row.status();
    }
    *response.mutable_ticket() = ToMessage(**row);
    return absl::OkStatus();
  });
}

// Sends the answer that the ticket's saga waits for.
absl::Status Answer(outbox::UnitOfWork& work, const participant::ReplyOptions& replies,
                    const TicketRow& row, bool accepted, const std::string& message) {
  auto command = participant::Command::FromMemory(row.command);
  if (!command.ok()) return absl::DataLossError("a pending ticket's command does not read");
  v1::CreateTicketReply& reply = *command->reply().mutable_create_ticket_reply();
  if (accepted) {
    reply.set_ticket_id(uuid::ToString(row.ticket_id));
    command->Approve();
  } else {
    command->Reject(kKitchenRejected, message.empty() ? "the kitchen rejected it" : message);
  }
  const participant::Command* one[] = {&*command};
  return participant::KeepAndSend(work, replies, one);
}

}  // namespace

grpc::Status KitchenService::GetTicket(grpc::ServerContext* context,
                                       const v1::GetTicketRequest* request,
                                       v1::GetTicketResponse* response) {
  auto id = CheckedTicketId(*request, {});
  if (!id.ok()) return service::ToGrpc(context, id.status());
  return service::ToGrpc(context, requests::Transact(reads_, [&](outbox::UnitOfWork& work) {
                           auto row = FindTicket(work.transaction(), *id, /*lock=*/false);
                           if (!row.ok()) return row.status();
                           if (!row->has_value()) return NotFound(request->ticket_id());
                           *response->mutable_ticket() = ToMessage(**row);
                           return absl::OkStatus();
                         }));
}

grpc::Status KitchenService::ListTickets(grpc::ServerContext* context,
                                         const v1::ListTicketsRequest* request,
                                         v1::ListTicketsResponse* response) {
  service::Violations violations;
  const bool known = v1::Ticket::State_IsValid(request->state());
  violations.Require(known, "state", "is no state of a ticket");
  std::optional<TicketState> state;
  if (known && request->state() != v1::Ticket::STATE_UNSPECIFIED) {
    state = StateNamed(v1::Ticket::State_Name(request->state()));
  }
  const std::string list = absl::StrCat("tickets ", static_cast<int>(request->state()));
  const requests::Page page =
      requests::PageOf(list, request->page_size(), request->page_token(), violations);
  const uuid::Uuid before = requests::IdAfter(page, requests::GreatestId(), violations);
  if (!violations.empty()) return service::ToGrpc(context, violations.ToStatus());
  return service::ToGrpc(
      context, requests::Transact(reads_, [&](outbox::UnitOfWork& work) {
        response->Clear();
        // One more than the page tells whether there is another.
        auto rows = kitchen::ListTickets(work.transaction(), before, state, page.limit + 1);
        if (!rows.ok()) return rows.status();
        const bool more = static_cast<int>(rows->size()) > page.limit;
        if (more) rows->pop_back();
        for (const TicketRow& row : *rows) *response->add_tickets() = ToMessage(row);
        if (more) {
          response->set_next_page_token(
              requests::TokenAfter(list, uuid::ToString(rows->back().ticket_id)));
        }
        return absl::OkStatus();
      }));
}

grpc::Status KitchenService::AcceptTicket(grpc::ServerContext* context,
                                          const v1::AcceptTicketRequest* request,
                                          v1::AcceptTicketResponse* response) {
  auto id = CheckedTicketId(*request, {});
  if (!id.ok()) return service::ToGrpc(context, id.status());
  return service::ToGrpc(context, ChangeTicket(writes_, *request, *response, *id,
                                               [&](outbox::UnitOfWork& work, TicketRow& row) {
                                                 if (!Accept(row.ticket))
                                                   return WrongState(row, "PENDING");
                                                 return Answer(work, replies_, row,
                                                               /*accepted=*/true, "");
                                               }));
}

grpc::Status KitchenService::RejectTicket(grpc::ServerContext* context,
                                          const v1::RejectTicketRequest* request,
                                          v1::RejectTicketResponse* response) {
  service::Violations violations;
  requests::CheckText(request->message(), 0, kMaxMessage, "message", violations);
  auto id = CheckedTicketId(*request, violations);
  if (!id.ok()) return service::ToGrpc(context, id.status());
  return service::ToGrpc(context, ChangeTicket(writes_, *request, *response, *id,
                                               [&](outbox::UnitOfWork& work, TicketRow& row) {
                                                 if (!Reject(row.ticket))
                                                   return WrongState(row, "PENDING");
                                                 return Answer(work, replies_, row,
                                                               /*accepted=*/false,
                                                               request->message());
                                               }));
}

grpc::Status KitchenService::CompleteTicket(grpc::ServerContext* context,
                                            const v1::CompleteTicketRequest* request,
                                            v1::CompleteTicketResponse* response) {
  auto id = CheckedTicketId(*request, {});
  if (!id.ok()) return service::ToGrpc(context, id.status());
  return service::ToGrpc(
      context,
      ChangeTicket(writes_, *request, *response, *id, [&](outbox::UnitOfWork&, TicketRow& row) {
        return Complete(row.ticket) ? absl::OkStatus() : WrongState(row, "ACCEPTED");
      }));
}

}  // namespace kitchen
