// The gRPC door: kitchen.v1.KitchenService.
#ifndef ORDER_SAGA_KITCHEN_SERVICE_RPC_KITCHEN_SERVICE_H_
#define ORDER_SAGA_KITCHEN_SERVICE_RPC_KITCHEN_SERVICE_H_

#include "kitchen/v1/kitchen_service.grpc.pb.h"
#include "libs/participant/replies.h"
#include "libs/postgres/pool.h"

namespace kitchen {

class KitchenService : public v1::KitchenService::Service {
 public:
  // Calls that change something use `writes`, the others `reads`. Both are not owned, and may be
  // one. `replies`: where answers to tickets go.
  KitchenService(postgres::Pool& writes, postgres::Pool& reads, participant::ReplyOptions replies)
      : writes_(writes), reads_(reads), replies_(std::move(replies)) {}

  grpc::Status GetTicket(grpc::ServerContext*, const v1::GetTicketRequest*,
                         v1::GetTicketResponse*) override;
  grpc::Status ListTickets(grpc::ServerContext*, const v1::ListTicketsRequest*,
                           v1::ListTicketsResponse*) override;
  grpc::Status AcceptTicket(grpc::ServerContext*, const v1::AcceptTicketRequest*,
                            v1::AcceptTicketResponse*) override;
  grpc::Status RejectTicket(grpc::ServerContext*, const v1::RejectTicketRequest*,
                            v1::RejectTicketResponse*) override;
  grpc::Status CompleteTicket(grpc::ServerContext*, const v1::CompleteTicketRequest*,
                              v1::CompleteTicketResponse*) override;

 private:
  postgres::Pool& writes_;
  postgres::Pool& reads_;
  const participant::ReplyOptions replies_;
};

}  // namespace kitchen

#endif  // ORDER_SAGA_KITCHEN_SERVICE_RPC_KITCHEN_SERVICE_H_
