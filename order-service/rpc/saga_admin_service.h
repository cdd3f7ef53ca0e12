// saga.v1.SagaAdminService: the operator's side, on a listener of its own.
#ifndef ORDER_SAGA_ORDER_SERVICE_RPC_SAGA_ADMIN_SERVICE_H_
#define ORDER_SAGA_ORDER_SERVICE_RPC_SAGA_ADMIN_SERVICE_H_

#include "libs/postgres/pool.h"
#include "libs/saga/step_table.h"
#include "saga/v1/admin.grpc.pb.h"

namespace order {

class SagaAdminService final : public saga::v1::SagaAdminService::Service {
 public:
  // Nothing is owned.
  SagaAdminService(postgres::Pool& pool, const saga::StepTable& table)
      : pool_(pool), table_(table) {}

  grpc::Status ListSagas(grpc::ServerContext* context, const saga::v1::ListSagasRequest* request,
                         saga::v1::ListSagasResponse* response) override;
  grpc::Status GetSaga(grpc::ServerContext* context, const saga::v1::GetSagaRequest* request,
                       saga::v1::GetSagaResponse* response) override;
  grpc::Status DescribeSagaType(grpc::ServerContext* context,
                                const saga::v1::DescribeSagaTypeRequest* request,
                                saga::v1::DescribeSagaTypeResponse* response) override;

 private:
  postgres::Pool& pool_;
  const saga::StepTable& table_;
};

}  // namespace order

#endif  // ORDER_SAGA_ORDER_SERVICE_RPC_SAGA_ADMIN_SERVICE_H_
