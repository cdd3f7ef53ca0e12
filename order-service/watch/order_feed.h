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

  // Why a watch is over.
  enum class End {
    kNone,          // it is not
    kNoSuchOrder,   // nobody placed it
    kNothingNewer,  // its last state is not above after_version
    kTimeOver,      // its deadline has come
    kStopping,      // the feed is drained
    kTooMany,       // so many others watch that this watch was not begun
  };

  // Called on the feed's thread, must not block: with a state (and kNone; true: go on), or, once
  // and last, with null and why it is over. After false it is not called again.
  using OnOrder = std::function<bool(const OrderRow* order, End end)>;
  using WatchId = uint64_t;

  struct Options {
    // How often everything is read that somebody waits for.
    std::chrono::milliseconds tick = std::chrono::seconds(1);
    // Each costs some hundred bytes, and a row to read at each tick while its order is PENDING.
    int max_watchers = 10'000;
  };

  // `pool` is not owned; the feed holds one of its connections.
  OrderFeed(postgres::Pool& pool, Options options);
  ~OrderFeed() override;

  // From now on `on_order` gets each state of the order above `after_version`: the present one at
  // once, if it is newer. Ends at `deadline`. Thread-safe, does not wait: the feed's thread asks
  // the database. While that is away the watch waits for it. In a feed that is drained or full
  // `on_order` is called before this returns, on the caller's thread.
  WatchId Watch(const uuid::Uuid& order_id, int64_t after_version, Clock::time_point deadline,
                OnOrder on_order);
  // `on_order` is not called any more once this has returned (unless this is called by it), and is
  // destroyed with what it holds. 0: nothing to cancel.
  void Cancel(WatchId id);

  // How many watch. Thread-safe.
  int watchers() const;

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
