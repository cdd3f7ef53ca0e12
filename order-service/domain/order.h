// What an order is, and what may become of it. Pure: no I/O, no clock.
#ifndef ORDER_SAGA_ORDER_SERVICE_DOMAIN_ORDER_H_
#define ORDER_SAGA_ORDER_SERVICE_DOMAIN_ORDER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace order {

// A status never goes back.
enum class Status { kPending, kApproved, kRejected, kCancelled };

struct Line {
  int64_t product_id = 0;
  int64_t amount = 0;

  bool operator==(const Line&) const = default;
};

struct Money {
  int64_t minor_units = 0;
  std::string currency;

  bool operator==(const Money&) const = default;
};

// Limits of one order.
inline constexpr int64_t kMaxAmount = 1'000'000;  // of one product
inline constexpr size_t kMaxLines = 1'000;

// What is wrong with an order that a client asks for: the line's index, or none for the whole list.
struct LineFault {
  std::optional<size_t> line;
  enum class What { kNoLines, kTooManyLines, kBadProduct, kBadAmount, kSumTooLarge } what;

  bool operator==(const LineFault&) const = default;
};

// Every fault of the lines as they came; empty if there is none.
std::vector<LineFault> FindFaults(const std::vector<Line>& lines);

// The same order with each product once, its amounts summed, sorted by product. For lines without
// faults.
std::vector<Line> Summed(const std::vector<Line>& lines);

// What may still change about an order.
struct State {
  Status status = Status::kPending;
  std::string reason;   // REJECTED: for programs, OUT_OF_STOCK
  std::string message;  // REJECTED: for people
  std::optional<Money> total;
  int64_t version = 1;

  bool operator==(const State&) const = default;
};

// Whether nothing will change any more.
bool IsLast(const State& order);

// The kitchen has accepted. False, and nothing changes, unless the order is pending.
bool Approve(State& order, Money total);

// Everything is undone. False, and nothing changes, unless the order is pending. `reason` must not
// be empty.
bool Reject(State& order, std::string reason, std::string message);

}  // namespace order

#endif  // ORDER_SAGA_ORDER_SERVICE_DOMAIN_ORDER_H_
