#include "order-service/rpc/validate.h"

#include "absl/strings/str_cat.h"
#include "libs/requests/page.h"
#include "libs/service/errors.h"
#include "libs/service/grpc_server.h"

namespace order {
namespace {

constexpr int64_t kMaxWaitSeconds = 60;
static_assert(std::chrono::seconds(kMaxWaitSeconds) < service::GrpcLimits::kGrace);

void Report(const LineFault& fault, service::Violations& violations) {
  const std::string line =
      fault.line.has_value() ? absl::StrCat("order_products[", *fault.line, "]") : "order_products";
  using What = LineFault::What;
  switch (fault.what) {
    case What::kNoLines:
      return violations.Add(line, "must name at least one product");
    case What::kTooManyLines:
      return violations.Add(line, absl::StrCat("must name at most ", kMaxLines, " products"));
    case What::kBadProduct:
      return violations.Add(line + ".product_id", "must be 1 or more");
    case What::kBadAmount:
      return violations.Add(line + ".amount", absl::StrCat("must be 1 to ", kMaxAmount));
    case What::kSumTooLarge:
      return violations.Add(
          line + ".amount",
          absl::StrCat("the same product's amounts must be at most ", kMaxAmount, " together"));
  }
}

}  // namespace

absl::StatusOr<CreateOrderCommand> ToCommand(const v1::CreateOrderRequest& request) {
  service::Violations violations;
  CreateOrderCommand command;
  command.user_id = request.user_id();
  violations.Require(request.user_id() >= 1, "user_id", "must be 1 or more");
  for (const auto& product : request.order_products()) {
    command.lines.push_back({product.product_id(), product.amount()});
  }
  for (const LineFault& fault : FindFaults(command.lines)) Report(fault, violations);
  if (request.request_id().empty()) {
    command.request_id = uuid::NewV7();
  } else if (auto id = uuid::Parse(request.request_id()); id.ok()) {
    command.request_id = *id;
  } else {
    violations.Add("request_id", std::string(id.status().message()));
  }
  const auto& wait = request.wait_timeout();
  violations.Require(wait.seconds() >= 0 && wait.seconds() <= kMaxWaitSeconds && wait.nanos() >= 0,
                     "wait_timeout", absl::StrCat("must be 0 to ", kMaxWaitSeconds, " s"));
  if (!violations.empty()) return violations.ToStatus();
  return command;
}

absl::StatusOr<uuid::Uuid> OrderIdOf(const std::string& order_id) {
  auto id = uuid::Parse(order_id);
  if (id.ok()) return *id;
  service::Violations violations;
  violations.Add("order_id", std::string(id.status().message()));
  return violations.ToStatus();
}

absl::StatusOr<ListQuery> ToQuery(const v1::ListOrdersRequest& request) {
  service::Violations violations;
  violations.Require(request.user_id() >= 0, "user_id", "must be 1 or more, or left out");
  ListQuery query;
  query.user_id = request.user_id();
  query.list = absl::StrCat("orders ", request.user_id());
  const requests::Page page =
      requests::PageOf(query.list, request.page_size(), request.page_token(), violations);
  query.before = requests::IdAfter(page, requests::GreatestId(), violations);
  query.limit = page.limit;
  if (!violations.empty()) return violations.ToStatus();
  return query;
}

}  // namespace order
