// Parked events on their way into the database.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PARKING_PARK_BATCH_H_
#define ORDER_SAGA_OUTBOX_RELAY_PARKING_PARK_BATCH_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "outbox-relay/ledger/ledger.h"
#include "outbox-relay/parking/parked_keys.h"
#include "outbox-relay/source/event.h"

namespace relay {

// Copies of events, by columns, in the stream's order: one statement writes them. Not thread-safe.
class ParkBatch {
 public:
  void Add(const Event& event, StreamPosition at, const std::shared_ptr<ParkedKey>& key,
           Ledger::Ticket ticket) {
    keys.push_back(key);
    tickets.push_back(ticket);
    ids.emplace_back(event.id);
    topics.emplace_back(event.topic);
    event_keys.push_back(Copy(event.aggregate_id));
    types.emplace_back(event.type);
    payloads.push_back(Copy(event.payload));
    traceparents.push_back(CopyUnlessEmpty(event.traceparent));
    headers.push_back(CopyUnlessEmpty(event.headers_json));
    created.push_back(std::clamp(event.created_unix_microseconds, kEarliest, kLatest));
    lsns.push_back(ToString(at.commit));
    ordinals.push_back(at.ordinal);
    bytes_ += kOverhead + BytesOf(event);
  }
  // The key's row must be there before its events.
  void Open(const std::shared_ptr<ParkedKey>& key) { openings.push_back(key); }

  bool empty() const { return ids.empty(); }
  bool full() const { return bytes_ >= kMostBytes || ids.size() >= kMostEvents; }

  std::vector<std::shared_ptr<ParkedKey>> openings;
  std::vector<std::shared_ptr<ParkedKey>> keys;
  std::vector<Ledger::Ticket> tickets;
  std::vector<std::string> ids, topics, types, lsns;
  std::vector<std::optional<std::string>> event_keys, payloads, traceparents, headers;
  std::vector<int64_t> created, ordinals;  // created: Unix microseconds

 private:
  // The years 1 to 9999: a timestamptz may be infinity.
  static constexpr int64_t kEarliest = -62'135'596'800'000'000, kLatest = 253'402'300'799'999'999;
  // Two batches are in memory at most, and the statement that is made of one.
  static constexpr size_t kMostBytes = 1 << 20, kMostEvents = 2'000, kOverhead = 500;

  static std::optional<std::string> Copy(const std::optional<std::string_view>& text) {
    return text ? std::optional<std::string>(*text) : std::nullopt;
  }
  static std::optional<std::string> CopyUnlessEmpty(std::string_view text) {
    return text.empty() ? std::nullopt : std::optional<std::string>(text);
  }

  size_t bytes_ = 0;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_PARKING_PARK_BATCH_H_
