#include "order-service/handlers/create_order.h"

#include <openssl/sha.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "libs/service/errors.h"
#include "order-service/saga/create_order.h"

namespace order {
namespace {

// What makes two requests the same: who, and how much of what. Not the order of the lines.
std::string HashOf(int64_t user_id, const std::vector<Line>& summed) {
  std::string text = absl::StrCat("CreateOrder ", user_id);
  for (const Line& line : summed) absl::StrAppend(&text, " ", line.product_id, ":", line.amount);
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

absl::Status AnotherRequest(const uuid::Uuid& request_id) {
  return service::Error(absl::StatusCode::kAlreadyExists, "REQUEST_ID_REUSED",
                        "this request_id was used for another order; use a new one",
                        {{"request_id", uuid::ToString(request_id)}});
}

}  // namespace

absl::Status CreateOrder::Handle(outbox::UnitOfWork& work,
                                 absl::Span<CreateOrderCommand* const> batch) {
  // One candidate for each request_id: the first of the batch.
  std::map<uuid::Uuid, OrderRow> candidates;
  std::vector<std::string> hashes;
  std::vector<OrderRow*> orders;
  for (const CreateOrderCommand* command : batch) {
    std::vector<Line> summed = Summed(command->lines);
    hashes.push_back(HashOf(command->user_id, summed));
    auto [found, is_first] = candidates.try_emplace(command->request_id);
    if (!is_first) continue;
    found->second = {.order_id = uuid::NewV7(),
                     .tx_id = uuid::NewV7(),
                     .user_id = command->user_id,
                     .lines = std::move(summed),
                     .request_id = command->request_id,
                     .request_hash = hashes.back()};
    orders.push_back(&found->second);
  }

  auto existing = InsertNew(work.transaction(), orders);
  if (!existing.ok()) return existing.status();
  std::map<uuid::Uuid, const CreateOrderCommand*> callers;
  for (const CreateOrderCommand* command : batch) callers.try_emplace(command->request_id, command);
  std::vector<orchestrator::Begin> begins;
  for (size_t i = 0; i < orders.size(); ++i) {
    OrderRow& order = *orders[i];
    if ((*existing)[i].has_value()) {
      order = *std::move((*existing)[i]);
    } else {
      const CreateOrderCommand& caller = *callers[order.request_id];
      begins.push_back(
          {order.tx_id, CreateOrderDataOf(order), caller.traceparent, caller.tracestate});
    }
  }
  if (absl::Status begun = sagas_.Start(work, begins); !begun.ok()) return begun;

  for (size_t i = 0; i < batch.size(); ++i) {
    const OrderRow& order = candidates[batch[i]->request_id];
    if (order.request_hash == hashes[i]) {
      batch[i]->order = order;
    } else {
      batch[i]->order = AnotherRequest(batch[i]->request_id);
    }
  }
  return absl::OkStatus();
}

}  // namespace order
