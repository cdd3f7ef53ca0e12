// The gRPC door: customer.v1.CustomerService.
#ifndef ORDER_SAGA_CUSTOMER_SERVICE_RPC_CUSTOMER_SERVICE_H_
#define ORDER_SAGA_CUSTOMER_SERVICE_RPC_CUSTOMER_SERVICE_H_

#include "customer/v1/customer_service.grpc.pb.h"
#include "libs/postgres/pool.h"

namespace customer {

class CustomerService : public v1::CustomerService::Service {
 public:
  // Calls that change something use `writes`, the others `reads`. Both are not owned, and may be
  // one.
  CustomerService(postgres::Pool& writes, postgres::Pool& reads) : writes_(writes), reads_(reads) {}

  grpc::Status CreateCustomer(grpc::ServerContext*, const v1::CreateCustomerRequest*,
                              v1::CreateCustomerResponse*) override;
  grpc::Status GetCustomer(grpc::ServerContext*, const v1::GetCustomerRequest*,
                           v1::GetCustomerResponse*) override;
  grpc::Status ListCustomers(grpc::ServerContext*, const v1::ListCustomersRequest*,
                             v1::ListCustomersResponse*) override;
  grpc::Status UpdateCustomer(grpc::ServerContext*, const v1::UpdateCustomerRequest*,
                              v1::UpdateCustomerResponse*) override;

 private:
  postgres::Pool& writes_;
  postgres::Pool& reads_;
};

}  // namespace customer

#endif  // ORDER_SAGA_CUSTOMER_SERVICE_RPC_CUSTOMER_SERVICE_H_
