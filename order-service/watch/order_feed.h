// Who waits for an order, and tells them when it changes, on whichever replica it changed.
//
// A change is announced after its commit with NOTIFY (PostgreSQL docs, "NOTIFY"), from a connection
// of the feed's own: inside the transaction, NOTIFY would take a lock that serialises all
// commits. Every replica's feed listens, reads the changed orders that somebody here waits for in
// one statement, and passes on versions that are newer than the last one passed. A lost
// notification costs a second: once a second everything that is waited for is read.
#ifndef ORDER_SAGA_ORDER_SERVICE_WATCH_ORDER_FEED_H_
#define ORDER_SAGA_ORDER_SERVICE_WATCH_ORDER_FEED_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "libs/postgres/pool.h"
#include "libs/service/component.h"
#include "libs/uuid/uuid.h"
#include "order-service/store/orders.h"

namespace order {

class OrderFeed : public service::Component {
 public:
  using Clock = std::chrono::steady_clock;

  // Called on the feed's thread, must not block. `order` is null when the watch is over without a
  // newer state: its deadline has come, or the feed is drained. True: go on.
  using OnOrder = std::function<bool(const OrderRow* order)>;
  using WatchId = uint64_t;

  // `pool` is not owned; the feed holds one of its connections. `tick`: how often everything is
  // read that somebody waits for.
  explicit OrderFeed(postgres::Pool& pool,
                     std::chrono::milliseconds tick = std::chrono::seconds(1));
  ~OrderFeed() override;

  // From now on `on_order` gets each state of the order above `after_version`: the present one at
  // once, if it is newer. Ends at `deadline`. Thread-safe. In a feed that is drained `on_order` is
  // called at once, on the caller's thread.
  WatchId Watch(const uuid::Uuid& order_id, int64_t after_version, Clock::time_point deadline,
                OnOrder on_order);
  // `on_order` is not called any more once this has returned (unless this is called by it).
  void Cancel(WatchId id);

  // These orders changed; to be called after the commit. Thread-safe, does not block.
  void Announce(const std::vector<uuid::Uuid>& order_ids);

  std::string_view name() const override { return "watch"; }
  absl::Status Start(OnFailure on_failure) override;
  void BeginDrain() override;
  absl::Status AwaitDrained(Deadline deadline) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace order

#endif  // ORDER_SAGA_ORDER_SERVICE_WATCH_ORDER_FEED_H_
