// The call of CustomerService that answers in pages.
#include "absl/strings/str_cat.h"
#include "customer-service/rpc/customer_message.h"
#include "customer-service/rpc/customer_service.h"
#include "libs/requests/page.h"
#include "libs/requests/transact.h"
#include "libs/service/rpc_status.h"

namespace customer {

grpc::Status CustomerService::ListCustomers(grpc::ServerContext* context,
                                            const v1::ListCustomersRequest* request,
                                            v1::ListCustomersResponse* response) {
  constexpr std::string_view kList = "customers";
  service::Violations violations;
  const requests::Page page =
      requests::PageOf(kList, request->page_size(), request->page_token(), violations);
  const int64_t after = requests::NumberAfter(page, 0, violations);
  if (!violations.empty()) return service::ToGrpc(context, violations.ToStatus());

  return service::ToGrpc(
      context, requests::Transact(reads_, [&](outbox::UnitOfWork& work) {
        auto rows = customer::ListCustomers(work.transaction(), after, page.limit + 1);
        if (!rows.ok()) return rows.status();
        response->Clear();
        for (const CustomerRow& row : *rows) {
          if (response->customers_size() == page.limit) {
            const int64_t last = response->customers(page.limit - 1).user_id();
            response->set_next_page_token(requests::TokenAfter(kList, absl::StrCat(last)));
            break;
          }
          *response->add_customers() = ToMessage(row);
        }
        return absl::OkStatus();
      }));
}

}  // namespace customer
