#include "order-service/saga/create_order.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/envelope/envelope.h"
#include "libs/telemetry/check.h"
#include "libs/telemetry/log.h"
#include "libs/topics/topics.h"
#include "order/v1/create_order_data.pb.h"

namespace order {
namespace {

using saga::v1::Envelope;

absl::StatusOr<v1::CreateOrderData> Read(std::string_view data) {
  v1::CreateOrderData parsed;
  if (!parsed.ParseFromArray(data.data(), static_cast<int>(data.size()))) {
    return absl::DataLossError("a saga's data is no order.v1.CreateOrderData");
  }
  return parsed;
}

// What each command says, by its name in the step table.
using Builder = absl::Status (*)(const v1::CreateOrderData&, Envelope&);

absl::Status ReserveStock(const v1::CreateOrderData& data, Envelope& envelope) {
  envelope.mutable_reserve_stock()->set_order_id(data.order_id());
  *envelope.mutable_reserve_stock()->mutable_lines() = data.lines();
  return absl::OkStatus();
}

absl::Status ValidateCustomer(const v1::CreateOrderData& data, Envelope& envelope) {
  if (!data.has_bill()) return absl::FailedPreconditionError("ValidateCustomer needs the bill");
  auto* body = envelope.mutable_validate_customer();
  body->set_order_id(data.order_id());
  body->set_user_id(data.user_id());
  *body->mutable_total() = data.bill().total();
  return absl::OkStatus();
}

absl::Status CreateTicket(const v1::CreateOrderData& data, Envelope& envelope) {
  auto* body = envelope.mutable_create_ticket();
  body->set_order_id(data.order_id());
  for (const auto& line : data.lines()) {
    auto* ticket_line = body->add_lines();
    ticket_line->set_product_id(line.product_id());
    ticket_line->set_amount(line.amount());
  }
  return absl::OkStatus();
}

// Commands whose envelope says it all.
template <auto Mutable>
absl::Status Bare(const v1::CreateOrderData&, Envelope& envelope) {
  (envelope.*Mutable)();
  return absl::OkStatus();
}

const std::map<std::string, Builder, std::less<>>& Builders() {
  static const auto& builders = *new std::map<std::string, Builder, std::less<>>{
      {"ReserveStock", ReserveStock},
      {"ReleaseStock", Bare<&Envelope::mutable_release_stock>},
      {"ConfirmStock", Bare<&Envelope::mutable_confirm_stock>},
      {"ValidateCustomer", ValidateCustomer},
      {"ReleaseCredit", Bare<&Envelope::mutable_release_credit>},
      {"CaptureCredit", Bare<&Envelope::mutable_capture_credit>},
      {"CreateTicket", CreateTicket},
      {"CancelTicket", Bare<&Envelope::mutable_cancel_ticket>},
  };
  return builders;
}

// Changes an order as its saga says; false if it was decided before.
bool Apply(const orchestrator::Happened& happened, const v1::CreateOrderData& data, State& state) {
  if (happened.event == saga::Event::kPivotPassed) {
    const auto& total = data.bill().total();
    return Approve(state, {total.minor_units(), total.currency_code()});
  }
  const saga::Refusal& refusal = *happened.row->saga.refusal;
  return Reject(state, refusal.outcome.empty() ? "UNKNOWN" : refusal.outcome, refusal.message);
}

}  // namespace

saga::StepTable CreateOrderSteps(std::string_view topic_prefix) {
  const std::string product = topics::WithPrefix(topic_prefix, topics::kOrderToProduct);
  const std::string customer = topics::WithPrefix(topic_prefix, topics::kOrderToCustomer);
  const std::string kitchen = topics::WithPrefix(topic_prefix, topics::kOrderToKitchen);
  using enum saga::StepKind;
  const saga::RetryPolicy five = {.attempts = 5, .first_delay = absl::Milliseconds(200)};
  const saga::RetryPolicy twenty = {.attempts = 20, .max_delay = absl::Minutes(1)};
  return {
      .type = "ORDER_CREATION",
      .version = 1,
      .steps = {
          {.name = "product-stock",
           .kind = kCompensatable,
           .commands = {{.name = "ReserveStock", .topic = product, .undo = "ReleaseStock"}},
           .timeout = absl::Seconds(30),
           .retry = five},
          {.name = "customer-validation",
           .kind = kCompensatable,
           .commands = {{.name = "ValidateCustomer", .topic = customer, .undo = "ReleaseCredit"}},
           .timeout = absl::Seconds(30),
           .retry = five},
          {.name = "kitchen-status",
           .kind = kPivot,
           .commands = {{.name = "CreateTicket", .topic = kitchen, .cancel = "CancelTicket"}},
           .timeout = absl::Minutes(10)},
          {.name = "settle",
           .kind = kRetriable,
           .commands = {{.name = "ConfirmStock", .topic = product},
                        {.name = "CaptureCredit", .topic = customer}},
           .retry = twenty},
      }};
}

std::string CreateOrderDataOf(const OrderRow& order) {
  v1::CreateOrderData data;
  data.set_order_id(uuid::ToString(order.order_id));
  data.set_user_id(order.user_id);
  for (const Line& line : order.lines) {
    auto* out = data.add_lines();
    out->set_product_id(line.product_id);
    out->set_amount(line.amount);
  }
  return data.SerializeAsString();
}

CreateOrderSaga::CreateOrderSaga(std::string_view topic_prefix, OnChanged on_changed)
    : table_(CreateOrderSteps(topic_prefix)), on_changed_(std::move(on_changed)) {
  const absl::Status sound = saga::Validate(table_);
  if (!sound.ok()) telemetry::Die(sound.ToString());
}

absl::Status CreateOrderSaga::Fill(const saga::CommandToSend& command, std::string_view data,
                                   Envelope& envelope) const {
  auto parsed = Read(data);
  if (!parsed.ok()) return parsed.status();
  auto builder = Builders().find(command.name);
  ORDER_SAGA_CHECK(builder != Builders().end(), "every command of the table has a builder");
  return builder->second(*parsed, envelope);
}

absl::Status CreateOrderSaga::Absorb(std::string_view command, const Envelope& reply,
                                     std::string& data) const {
  // product.v1.ReserveStock is answered by product.v1.ReserveStockReply, and so on.
  const std::string expected = absl::StrCat(".", std::string(command), "Reply");
  const std::string body = envelope::BodyType(reply);
  if (!body.ends_with(expected)) {
    return absl::InvalidArgumentError(
        absl::StrCat(body, " does not answer ", std::string(command)));
  }
  const bool billed = reply.has_reserve_stock_reply() && reply.status() == Envelope::APPROVED;
  if (!billed) return absl::OkStatus();
  if (!reply.reserve_stock_reply().has_bill()) {
    return absl::InvalidArgumentError("ReserveStock was approved without a bill");
  }
  auto parsed = Read(data);
  if (!parsed.ok()) return parsed.status();
  *parsed->mutable_bill() = reply.reserve_stock_reply().bill();
  data = parsed->SerializeAsString();
  return absl::OkStatus();
}

absl::Status CreateOrderSaga::React(outbox::UnitOfWork& work,
                                    absl::Span<const orchestrator::Happened> happened) {
  struct Decided {
    const orchestrator::Happened* happened;
    v1::CreateOrderData data;
  };
  std::map<uuid::Uuid, Decided> decided;
  for (const orchestrator::Happened& one : happened) {
    const bool decides =
        one.event == saga::Event::kPivotPassed || one.event == saga::Event::kCompensated;
    if (!decides) continue;
    auto data = Read(one.row->data);
    if (!data.ok()) return data.status();
    auto order_id = uuid::Parse(data->order_id());
    if (!order_id.ok()) return absl::DataLossError("a saga's data has no order_id");
    decided[*order_id] = {&one, *std::move(data)};
  }
  if (decided.empty()) return absl::OkStatus();

  std::vector<uuid::Uuid> ids;
  for (const auto& [order_id, what] : decided) ids.push_back(order_id);
  auto orders = LockOrders(work.transaction(), ids);
  if (!orders.ok()) return orders.status();
  std::vector<const OrderRow*> changed;
  std::vector<uuid::Uuid> changed_ids;
  for (OrderRow& order : *orders) {
    const Decided& what = decided[order.order_id];
    if (!Apply(*what.happened, what.data, order.state)) continue;
    changed.push_back(&order);
    changed_ids.push_back(order.order_id);
  }
  if (absl::Status stored = UpdateStates(work.transaction(), changed); !stored.ok()) return stored;
  work.AfterCommit([this, changed_ids = std::move(changed_ids)] { on_changed_(changed_ids); });
  return absl::OkStatus();
}

}  // namespace order
