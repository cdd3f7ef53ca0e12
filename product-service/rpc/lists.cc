// The calls of ProductService that answer in pages.
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/requests/page.h"
#include "libs/requests/transact.h"
#include "libs/service/rpc_status.h"
#include "product-service/rpc/product_message.h"
#include "product-service/rpc/product_service.h"

namespace product {

grpc::Status ProductService::ListProducts(grpc::ServerContext* context,
                                          const v1::ListProductsRequest* request,
                                          v1::ListProductsResponse* response) {
  constexpr std::string_view kList = "products";
  service::Violations violations;
  const requests::Page page =
      requests::PageOf(kList, request->page_size(), request->page_token(), violations);
  const int64_t after = requests::NumberAfter(page, 0, violations);
  if (!violations.empty()) return service::ToGrpc(context, violations.ToStatus());

  return service::ToGrpc(
      context, requests::Transact(reads_, [&](outbox::UnitOfWork& work) {
        auto rows = product::ListProducts(work.transaction(), after, page.limit + 1);
        if (!rows.ok()) return rows.status();
        response->Clear();
        for (const ProductRow& row : *rows) {
          if (response->products_size() == page.limit) {
            const int64_t last = response->products(page.limit - 1).product_id();
            response->set_next_page_token(requests::TokenAfter(kList, absl::StrCat(last)));
            break;
          }
          *response->add_products() = ToMessage(row);
        }
        return absl::OkStatus();
      }));
}

grpc::Status ProductService::ListReservations(grpc::ServerContext* context,
                                              const v1::ListReservationsRequest* request,
                                              v1::ListReservationsResponse* response) {
  service::Violations violations;
  std::string list = "reservations";
  std::optional<ReservationState> state;
  if (!v1::Reservation::State_IsValid(request->state())) {
    violations.Add("state", "is no state of a reservation");
  } else if (request->state() != v1::Reservation::STATE_UNSPECIFIED) {
    const std::string& name = v1::Reservation::State_Name(request->state());
    state = StateNamed(name);
    absl::StrAppend(&list, " ", name);
  }
  const requests::Page page =
      requests::PageOf(list, request->page_size(), request->page_token(), violations);
  const uuid::Uuid before = requests::IdAfter(page, requests::GreatestId(), violations);
  if (!violations.empty()) return service::ToGrpc(context, violations.ToStatus());

  return service::ToGrpc(
      context, requests::Transact(reads_, [&](outbox::UnitOfWork& work) {
        auto rows = product::ListReservations(work.transaction(), before, state, page.limit + 1);
        if (!rows.ok()) return rows.status();
        response->Clear();
        for (const ReservationRow& row : *rows) {
          if (response->reservations_size() == page.limit) {
            const std::string& last = response->reservations(page.limit - 1).tx_id();
            response->set_next_page_token(requests::TokenAfter(list, last));
            break;
          }
          *response->add_reservations() = ToMessage(row);
        }
        return absl::OkStatus();
      }));
}

}  // namespace product
