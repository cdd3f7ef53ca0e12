#include "product-service/rpc/product_service.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/requests/fields.h"
#include "libs/requests/transact.h"
#include "libs/service/errors.h"
#include "libs/service/rpc_status.h"
#include "product-service/rpc/product_message.h"
#include "product-service/store/products.h"

namespace product {
namespace {

static_assert(requests::kMaxMinorUnits == kMaxPriceMinor);

absl::Status Refused(absl::StatusCode code, std::string_view reason, int64_t product_id,
                     std::string_view message) {
  return service::Error(code, reason, message, {{"product_id", absl::StrCat(product_id)}});
}

// Answers with the product as it is now.
template <typename Response>
absl::Status Answer(outbox::UnitOfWork& work, int64_t product_id, Response& response) {
  auto found = FindProduct(work.transaction(), product_id);
  if (!found.ok()) return found.status();
  if (!found->has_value()) {
    return Refused(absl::StatusCode::kNotFound, "PRODUCT_NOT_FOUND", product_id,
                   absl::StrCat("there is no product ", product_id));
  }
  *response.mutable_product() = ToMessage(**found);
  return absl::OkStatus();
}

// Changes a product that is there, under its lock; `change` may refuse.
template <typename Request, typename Response, typename Change>
absl::Status ChangeProduct(postgres::Pool& pool, const Request& request, Response& response,
                           Change change) {
  return requests::TransactOnce(pool, request, [&](outbox::UnitOfWork& work, bool is_new) {
    if (!is_new) return Answer(work, request.product_id(), response);
    auto row = LockProduct(work.transaction(), request.product_id());
    if (!row.ok()) return row.status();
    if (row->has_value()) {
      if (absl::Status changed = change((*row)->product); !changed.ok()) return changed;
      absl::Status saved = product::UpdateProduct(work.transaction(), (*row)->product);
      if (!saved.ok()) return saved;
    }
    return Answer(work, request.product_id(), response);
  });
}

absl::Status Adjust(const v1::AdjustStockRequest& request, Product& product) {
  switch (product::Adjust(product, request.delta())) {
    case Adjusted::kDone:
      return absl::OkStatus();
    case Adjusted::kBelowZero:
      return Refused(absl::StatusCode::kFailedPrecondition, "STOCK_WOULD_BE_NEGATIVE",
                     product.product_id,
                     absl::StrCat("only ", product.available, " of product ", product.product_id,
                                  " are available; take away at most that"));
    case Adjusted::kTooMany:
      break;
  }
  return Refused(absl::StatusCode::kFailedPrecondition, "STOCK_TOO_LARGE", product.product_id,
                 absl::StrCat("product ", product.product_id, " would have had more than ",
                              kMaxUnits, " units, sold ones included"));
}

}  // namespace

grpc::Status ProductService::CreateProduct(grpc::ServerContext* context,
                                           const v1::CreateProductRequest* request,
                                           v1::CreateProductResponse* response) {
  service::Violations violations;
  requests::CheckId(request->product_id(), "product_id", violations);
  requests::CheckName(request->name(), "name", violations);
  requests::CheckMoney(request->unit_price(), "unit_price", violations);
  violations.Require(request->available() >= 0 && request->available() <= kMaxUnits, "available",
                     absl::StrCat("must be 0 to ", kMaxUnits));
  requests::CheckRequestId(request->request_id(), violations);
  if (!violations.empty()) return service::ToGrpc(context, violations.ToStatus());

  const Product product = {.product_id = request->product_id(),
                           .name = request->name(),
                           .unit_price_minor = request->unit_price().minor_units(),
                           .currency = request->unit_price().currency_code(),
                           .available = request->available()};
  return service::ToGrpc(
      context,
      requests::TransactOnce(writes_, *request, [&](outbox::UnitOfWork& work, bool is_new) {
        if (is_new) {
          auto inserted = InsertProduct(work.transaction(), product);
          if (!inserted.ok()) return inserted.status();
          if (!*inserted) {
            return Refused(absl::StatusCode::kAlreadyExists, "PRODUCT_EXISTS", product.product_id,
                           absl::StrCat("there is a product ", product.product_id,
                                        " already; UpdateProduct changes it"));
          }
        }
        return Answer(work, product.product_id, *response);
      }));
}

grpc::Status ProductService::GetProduct(grpc::ServerContext* context,
                                        const v1::GetProductRequest* request,
                                        v1::GetProductResponse* response) {
  service::Violations violations;
  requests::CheckId(request->product_id(), "product_id", violations);
  if (!violations.empty()) return service::ToGrpc(context, violations.ToStatus());
  return service::ToGrpc(context, requests::Transact(reads_, [&](outbox::UnitOfWork& work) {
                           return Answer(work, request->product_id(), *response);
                         }));
}

grpc::Status ProductService::UpdateProduct(grpc::ServerContext* context,
                                           const v1::UpdateProductRequest* request,
                                           v1::UpdateProductResponse* response) {
  service::Violations violations;
  requests::CheckId(request->product_id(), "product_id", violations);
  if (!request->name().empty()) requests::CheckName(request->name(), "name", violations);
  if (request->has_unit_price()) {
    requests::CheckMoney(request->unit_price(), "unit_price", violations);
  }
  requests::CheckRequestId(request->request_id(), violations);
  if (!violations.empty()) return service::ToGrpc(context, violations.ToStatus());

  return service::ToGrpc(context,
                         ChangeProduct(writes_, *request, *response, [&](Product& product) {
                           if (!request->name().empty()) product.name = request->name();
                           if (request->has_unit_price()) {
                             product.unit_price_minor = request->unit_price().minor_units();
                             product.currency = request->unit_price().currency_code();
                           }
                           return absl::OkStatus();
                         }));
}

grpc::Status ProductService::AdjustStock(grpc::ServerContext* context,
                                         const v1::AdjustStockRequest* request,
                                         v1::AdjustStockResponse* response) {
  service::Violations violations;
  requests::CheckId(request->product_id(), "product_id", violations);
  violations.Require(request->delta() != 0, "delta", "must not be 0");
  requests::CheckRequestId(request->request_id(), violations);
  if (!violations.empty()) return service::ToGrpc(context, violations.ToStatus());

  return service::ToGrpc(
      context, ChangeProduct(writes_, *request, *response,
                             [&](Product& product) { return Adjust(*request, product); }));
}

}  // namespace product
