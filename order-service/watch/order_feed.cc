#include "order-service/watch/order_feed.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/telemetry/log.h"

namespace order {
namespace {

using std::chrono::milliseconds;

constexpr char kChannel[] = "order_changed";
// NOTIFY takes up to 8,000 bytes.
constexpr size_t kMaxPayload = 7'900;
constexpr milliseconds kReconnectPause{1000};
constexpr size_t kIdLength = 36;

struct Watcher {
  uuid::Uuid order_id;
  int64_t version;
  OrderFeed::Clock::time_point deadline;
  OrderFeed::OnOrder on_order;
  uint64_t asked = 0;  // the last read that its order was asked for in; 0: none yet
};

}  // namespace

struct OrderFeed::Impl {
  Impl(postgres::Pool& pool, Options options)
      : pool(pool), options(options), wakeup(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Impl() { close(wakeup); }

  postgres::Pool& pool;
  const Options options;
  const int wakeup;  // readable when there is something to do
  std::jthread thread;

  std::mutex mutex;  // guards all below
  std::condition_variable idle;
  std::map<WatchId, Watcher> watchers;
  std::set<uuid::Uuid> to_read;  // changed, or newly watched
  std::vector<uuid::Uuid> to_announce;
  WatchId last_id = 0;
  uint64_t reads = 0;
  WatchId calling = 0;  // the watcher whose function runs now; 0: none
  std::thread::id caller;
  bool draining = false;
  bool ended = true;

  void Wake() {
    const uint64_t one = 1;
    // Fails only when the counter is full: then it is awake anyway.
    [[maybe_unused]] ssize_t written = write(wakeup, &one, sizeof(one));
  }

  // Why the watch is over after that read (0: none was possible); `found`: its order, if it was
  // read.
  End EndOf(const Watcher& watcher, const OrderRow* found, uint64_t read, Clock::time_point now) {
    if (draining) return End::kStopping;
    // A watch that came after the question is not answered by it.
    if (read != 0 && watcher.asked == read) {
      if (found == nullptr) return End::kNoSuchOrder;
      if (IsLast(found->state) && found->state.version <= watcher.version)
        return End::kNothingNewer;
    }
    return now >= watcher.deadline ? End::kTimeOver : End::kNone;
  }

  // Hands each order to those who wait for a newer version, and tells those whose watch is over.
  // `read`: what TakeWanted called this read; 0 if the database is away.
  void Deliver(const std::vector<OrderRow>& orders, uint64_t read) {
    std::map<uuid::Uuid, const OrderRow*> by_id;
    for (const OrderRow& order : orders) by_id[order.order_id] = &order;
    const auto now = Clock::now();
    std::unique_lock lock(mutex);
    for (auto it = watchers.begin(); it != watchers.end();) {
      const WatchId id = it->first;
      Watcher& watcher = it->second;
      auto found = by_id.find(watcher.order_id);
      const OrderRow* order = found == by_id.end() ? nullptr : found->second;
      const End end = EndOf(watcher, order, read, now);
      const bool newer = order != nullptr && order->state.version > watcher.version;
      if (!newer && end == End::kNone) {
        ++it;
        continue;
      }
      if (newer) watcher.version = order->state.version;
      // A copy: the watcher may be cancelled while its function runs without the lock.
      OnOrder on_order = watcher.on_order;
      calling = id;
      caller = std::this_thread::get_id();
      lock.unlock();
      bool go_on = !newer || on_order(order, End::kNone);
      if (go_on && end != End::kNone) {
        on_order(nullptr, end);
        go_on = false;
      }
      on_order = nullptr;
      lock.lock();
      calling = 0;
      caller = {};
      idle.notify_all();
      if (!go_on) watchers.erase(id);
      it = watchers.upper_bound(id);
    }
  }

  // One NOTIFY for each kMaxPayload bytes of "id id id".
  absl::Status Notify(postgres::Connection& connection, const std::vector<uuid::Uuid>& ids) {
    for (size_t at = 0; at < ids.size();) {
      std::string payload;
      while (at < ids.size() && payload.size() + kIdLength < kMaxPayload) {
        absl::StrAppend(&payload, payload.empty() ? "" : " ", uuid::ToString(ids[at++]));
      }
      auto sent = connection.Execute("SELECT pg_notify($1, $2)::text",
                                     postgres::Params().Text(kChannel).Text(payload));
      if (!sent.ok()) return sent.status();
    }
    return absl::OkStatus();
  }

  // Notifications that have arrived, from this replica too.
  void TakeNotifications(postgres::Connection& connection) {
    PQconsumeInput(connection.raw());
    std::lock_guard lock(mutex);
    while (PGnotify* notification = PQnotifies(connection.raw())) {
      const std::string_view payload = notification->extra;
      for (size_t at = 0; at + kIdLength <= payload.size(); at += kIdLength + 1) {
        // Anyone who may connect may notify: only what is an id counts.
        auto id = uuid::Parse(payload.substr(at, kIdLength));
        if (id.ok()) to_read.insert(*id);
      }
      PQfreemem(notification);
    }
  }

  // Of the ids in to_read (all, on a tick), those that somebody waits for; and the read's number.
  std::pair<std::vector<uuid::Uuid>, uint64_t> TakeWanted(bool tick) {
    std::lock_guard lock(mutex);
    ++reads;
    std::set<uuid::Uuid> wanted;
    for (auto& [id, watcher] : watchers) {
      if (!tick && !to_read.contains(watcher.order_id)) continue;
      wanted.insert(watcher.order_id);
      watcher.asked = reads;
    }
    to_read.clear();
    return {{wanted.begin(), wanted.end()}, reads};
  }

  bool HasToRead() {
    std::lock_guard lock(mutex);
    return !to_read.empty();
  }

  std::vector<uuid::Uuid> TakeAnnouncements() {
    std::lock_guard lock(mutex);
    return std::exchange(to_announce, {});
  }

  milliseconds UntilNextDeadline(Clock::time_point tick) {
    std::lock_guard lock(mutex);
    auto next = tick;
    for (const auto& [id, watcher] : watchers) next = std::min(next, watcher.deadline);
    return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(next - Clock::now()));
  }

  bool Draining() {
    std::lock_guard lock(mutex);
    return draining;
  }

  void Sleep(int socket, milliseconds at_most) {
    pollfd fds[] = {{wakeup, POLLIN, 0}, {socket, POLLIN, 0}};
    poll(fds, socket < 0 ? 1 : 2, static_cast<int>(at_most.count()));
    uint64_t count;
    [[maybe_unused]] ssize_t taken = read(wakeup, &count, sizeof(count));
  }

  // Until the connection breaks or the drain begins.
  absl::Status Serve(postgres::Connection& connection) {
    absl::Status listening = connection.ExecuteScript(absl::StrCat("LISTEN ", kChannel));
    if (!listening.ok()) return listening;
    auto tick = Clock::now();  // the first read catches up with what was missed
    while (!Draining()) {
      if (absl::Status sent = Notify(connection, TakeAnnouncements()); !sent.ok()) return sent;
      TakeNotifications(connection);
      const bool ticked = Clock::now() >= tick;
      if (ticked) tick = Clock::now() + options.tick;
      const auto [wanted, read] = TakeWanted(ticked);
      std::vector<OrderRow> orders;
      if (!wanted.empty()) {
        auto found = FindOrders(connection, wanted);
        if (!found.ok()) return found.status();
        orders = *std::move(found);
      }
      Deliver(orders, read);
      if (!connection.usable()) return absl::UnavailableError("the connection was lost");
      // What came while the orders were read is in libpq's hands already, and the socket is quiet.
      TakeNotifications(connection);
      if (HasToRead()) continue;
      Sleep(PQsocket(connection.raw()), UntilNextDeadline(tick));
    }
    return absl::OkStatus();
  }

  void Run() {
    while (!Draining()) {
      auto lease = pool.Acquire(absl::Seconds(1));
      absl::Status served = lease.ok() ? Serve(**lease) : lease.status();
      // It goes back to the pool, where nobody would take its notifications.
      if (lease.ok()) (*lease)->ExecuteScript("UNLISTEN *").IgnoreError();
      if (served.ok()) break;
      telemetry::Warn("watching orders waits for the database", {{"error", served.ToString()}});
      Deliver({}, 0);  // deadlines hold all the same
      Sleep(-1, UntilNextDeadline(Clock::now() + kReconnectPause));
    }
    Deliver({}, 0);  // everybody is told that it is over
    std::lock_guard lock(mutex);
    ended = true;
    idle.notify_all();
  }
};

OrderFeed::OrderFeed(postgres::Pool& pool, Options options) : impl_(new Impl(pool, options)) {}

OrderFeed::~OrderFeed() {
  BeginDrain();
  if (impl_->thread.joinable()) impl_->thread.join();
}

OrderFeed::WatchId OrderFeed::Watch(const uuid::Uuid& order_id, int64_t after_version,
                                    Clock::time_point deadline, OnOrder on_order) {
  WatchId id = 0;
  End refused = End::kNone;
  {
    std::lock_guard lock(impl_->mutex);
    if (impl_->draining) {
      refused = End::kStopping;
    } else if (std::cmp_greater_equal(impl_->watchers.size(), impl_->options.max_watchers)) {
      refused = End::kTooMany;
    } else {
      id = ++impl_->last_id;
      impl_->watchers.emplace(id, Watcher{order_id, after_version, deadline, std::move(on_order)});
      impl_->to_read.insert(order_id);
    }
  }
  if (refused != End::kNone) {
    on_order(nullptr, refused);
  } else {
    impl_->Wake();
  }
  return id;
}

void OrderFeed::Cancel(WatchId id) {
  if (id == 0) return;  // refused, or never begun
  std::unique_lock lock(impl_->mutex);
  impl_->watchers.erase(id);
  if (impl_->caller == std::this_thread::get_id()) return;
  impl_->idle.wait(lock, [&] { return impl_->calling != id; });
}

int OrderFeed::watchers() const {
  std::lock_guard lock(impl_->mutex);
  return static_cast<int>(impl_->watchers.size());
}

void OrderFeed::Announce(const std::vector<uuid::Uuid>& order_ids) {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->to_announce.insert(impl_->to_announce.end(), order_ids.begin(), order_ids.end());
  }
  impl_->Wake();
}

absl::Status OrderFeed::Start(OnFailure) {
  impl_->ended = false;
  impl_->thread = std::jthread([this] { impl_->Run(); });
  return absl::OkStatus();
}

void OrderFeed::BeginDrain() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->draining = true;
  }
  impl_->Wake();
}

absl::Status OrderFeed::AwaitDrained(Deadline deadline) {
  std::unique_lock lock(impl_->mutex);
  const bool ended = impl_->idle.wait_until(lock, deadline, [&] { return impl_->ended; });
  return ended ? absl::OkStatus() : absl::DeadlineExceededError("watchers are still being told");
}

}  // namespace order
