#include "customer-service/rpc/customer_service.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "customer-service/rpc/customer_message.h"
#include "customer-service/store/customers.h"
#include "libs/requests/fields.h"
#include "libs/requests/transact.h"
#include "libs/service/errors.h"
#include "libs/service/rpc_status.h"

namespace customer {
namespace {

static_assert(requests::kMaxMinorUnits == kMaxLimitMinor);

absl::Status Refused(absl::StatusCode code, std::string_view reason, int64_t user_id,
                     std::string_view message) {
  return service::Error(code, reason, message, {{"user_id", absl::StrCat(user_id)}});
}

absl::Status NotFound(int64_t user_id) {
  return Refused(absl::StatusCode::kNotFound, "CUSTOMER_NOT_FOUND", user_id,
                 absl::StrCat("there is no customer ", user_id));
}

// Answers with the customer as it is now.
template <typename Response>
absl::Status Answer(outbox::UnitOfWork& work, int64_t user_id, Response& response) {
  auto found = FindCustomer(work.transaction(), user_id);
  if (!found.ok()) return found.status();
  if (!found->has_value()) return NotFound(user_id);
  *response.mutable_customer() = ToMessage(**found);
  return absl::OkStatus();
}

absl::Status Change(const v1::UpdateCustomerRequest& request, Customer& customer) {
  if (!request.name().empty()) customer.name = request.name();
  if (request.status() != v1::Customer::STATUS_UNSPECIFIED) {
    customer.status = request.status() == v1::Customer::ACTIVE ? Status::kActive : Status::kBlocked;
  }
  if (request.has_credit_limit()) {
    if (request.credit_limit().currency_code() != customer.currency) {
      return Refused(absl::StatusCode::kFailedPrecondition, "CURRENCY_CANNOT_CHANGE",
                     customer.user_id,
                     absl::StrCat("customer ", customer.user_id, " has credit in ",
                                  customer.currency, "; give the limit in that currency"));
    }
    customer.credit_limit_minor = request.credit_limit().minor_units();
  }
  return absl::OkStatus();
}

}  // namespace

grpc::Status CustomerService::CreateCustomer(grpc::ServerContext* context,
                                             const v1::CreateCustomerRequest* request,
                                             v1::CreateCustomerResponse* response) {
  service::Violations violations;
  requests::CheckId(request->user_id(), "user_id", violations);
  requests::CheckName(request->name(), "name", violations);
  requests::CheckMoney(request->credit_limit(), "credit_limit", violations);
  requests::CheckRequestId(request->request_id(), violations);
  if (!violations.empty()) return service::ToGrpc(context, violations.ToStatus());

  const Customer customer = {.user_id = request->user_id(),
                             .name = request->name(),
                             .currency = request->credit_limit().currency_code(),
                             .credit_limit_minor = request->credit_limit().minor_units()};
  return service::ToGrpc(
      context,
      requests::TransactOnce(writes_, *request, [&](outbox::UnitOfWork& work, bool is_new) {
        if (is_new) {
          auto inserted = InsertCustomer(work.transaction(), customer);
          if (!inserted.ok()) return inserted.status();
          if (!*inserted) {
            return Refused(absl::StatusCode::kAlreadyExists, "CUSTOMER_EXISTS", customer.user_id,
                           absl::StrCat("there is a customer ", customer.user_id,
                                        " already; UpdateCustomer changes it"));
          }
        }
        return Answer(work, customer.user_id, *response);
      }));
}

grpc::Status CustomerService::GetCustomer(grpc::ServerContext* context,
                                          const v1::GetCustomerRequest* request,
                                          v1::GetCustomerResponse* response) {
  service::Violations violations;
  requests::CheckId(request->user_id(), "user_id", violations);
  if (!violations.empty()) return service::ToGrpc(context, violations.ToStatus());
  return service::ToGrpc(context, requests::Transact(reads_, [&](outbox::UnitOfWork& work) {
                           return Answer(work, request->user_id(), *response);
                         }));
}

grpc::Status CustomerService::UpdateCustomer(grpc::ServerContext* context,
                                             const v1::UpdateCustomerRequest* request,
                                             v1::UpdateCustomerResponse* response) {
  service::Violations violations;
  requests::CheckId(request->user_id(), "user_id", violations);
  if (!request->name().empty()) requests::CheckName(request->name(), "name", violations);
  violations.Require(v1::Customer::Status_IsValid(request->status()), "status",
                     "is no status of a customer");
  if (request->has_credit_limit()) {
    requests::CheckMoney(request->credit_limit(), "credit_limit", violations);
  }
  requests::CheckRequestId(request->request_id(), violations);
  if (!violations.empty()) return service::ToGrpc(context, violations.ToStatus());

  return service::ToGrpc(
      context,
      requests::TransactOnce(writes_, *request, [&](outbox::UnitOfWork& work, bool is_new) {
        if (!is_new) return Answer(work, request->user_id(), *response);
        auto row = LockCustomer(work.transaction(), request->user_id());
        if (!row.ok()) return row.status();
        if (!row->has_value()) return NotFound(request->user_id());
        Customer customer = (*row)->customer;
        if (absl::Status changed = Change(*request, customer); !changed.ok()) return changed;
        absl::Status saved = customer::UpdateCustomer(work.transaction(), customer);
        return saved.ok() ? Answer(work, customer.user_id, *response) : saved;
      }));
}

}  // namespace customer
