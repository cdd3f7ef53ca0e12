#include "order-service/domain/order.h"

#include <map>
#include <utility>

namespace order {

std::vector<LineFault> FindFaults(const std::vector<Line>& lines) {
  using What = LineFault::What;
  if (lines.empty()) return {{std::nullopt, What::kNoLines}};
  if (lines.size() > kMaxLines) return {{std::nullopt, What::kTooManyLines}};
  std::vector<LineFault> faults;
  std::map<int64_t, int64_t> sums;
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto& [product_id, amount] = lines[i];
    if (product_id < 1) faults.push_back({i, What::kBadProduct});
    if (amount < 1 || amount > kMaxAmount) {
      faults.push_back({i, What::kBadAmount});
      continue;
    }
    // No overflow: at most kMaxLines amounts of at most kMaxAmount.
    int64_t& sum = sums[product_id];
    const bool was_fine = sum <= kMaxAmount;
    sum += amount;
    if (was_fine && sum > kMaxAmount) faults.push_back({i, What::kSumTooLarge});
  }
  return faults;
}

std::vector<Line> Summed(const std::vector<Line>& lines) {
  std::map<int64_t, int64_t> sums;
  for (const auto& [product_id, amount] : lines) sums[product_id] += amount;
  std::vector<Line> summed;
  for (const auto& [product_id, amount] : sums) summed.push_back({product_id, amount});
  return summed;
}

bool IsLast(const State& order) { return order.status != Status::kPending; }

bool Approve(State& order, Money total) {
  if (order.status != Status::kPending) return false;
  order.status = Status::kApproved;
  order.total = std::move(total);
  ++order.version;
  return true;
}

bool Reject(State& order, std::string reason, std::string message) {
  if (order.status != Status::kPending) return false;
  order.status = Status::kRejected;
  order.reason = std::move(reason);
  order.message = std::move(message);
  ++order.version;
  return true;
}

}  // namespace order
