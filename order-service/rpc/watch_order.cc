#include "order-service/rpc/watch_order.h"

#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "libs/service/errors.h"
#include "libs/service/rpc_status.h"
#include "order-service/rpc/order_message.h"

namespace order {
namespace {

// How a stream ends whose watch is over.
grpc::Status StatusOf(OrderFeed::End end, const uuid::Uuid& order_id) {
  using std::chrono::milliseconds;
  switch (end) {
    case OrderFeed::End::kNoSuchOrder:
      return service::ToGrpc(NoSuchOrder(order_id));
    case OrderFeed::End::kNothingNewer:
      return grpc::Status::OK;
    case OrderFeed::End::kTooMany:
      return service::ToGrpc(service::Overloaded(
          "TOO_MANY_WATCHERS", "too many orders are watched; try again, or ask GetOrder",
          milliseconds(1000)));
    case OrderFeed::End::kNone:
    case OrderFeed::End::kTimeOver:  // it has no time of its own
    case OrderFeed::End::kStopping:
      break;
  }
  return service::ToGrpc(service::TemporarilyUnavailable(
      "STOPPING", "this server is stopping; watch again with after_version", milliseconds(100)));
}

// gRPC takes one message at a time; states that come meanwhile wait in `queue_` (an order has few).
class Watch : public grpc::ServerWriteReactor<v1::WatchOrderResponse> {
 public:
  Watch(OrderFeed& feed, const uuid::Uuid& order_id, int64_t after_version)
      : feed_(feed), shared_(std::make_shared<Shared>()) {
    shared_->reactor = this;
    // The feed keeps only what is shared: this object may be gone when it calls.
    watch_id_ =
        feed_.Watch(order_id, after_version, OrderFeed::Clock::time_point::max(),
                    [shared = shared_, order_id](const OrderRow* order, OrderFeed::End end) {
                      return shared->On(order, end, order_id);
                    });
  }

  void OnWriteDone(bool ok) override { shared_->WriteDone(ok); }
  void OnCancel() override { shared_->End(grpc::Status::CANCELLED); }

  void OnDone() override {
    {
      std::lock_guard lock(shared_->mutex);
      shared_->reactor = nullptr;
    }
    feed_.Cancel(watch_id_);
    delete this;
  }

 private:
  struct Shared {
    std::mutex mutex;
    Watch* reactor = nullptr;  // null when it is gone
    std::deque<v1::WatchOrderResponse> queue;
    bool writing = false;
    bool finished = false;
    std::optional<grpc::Status> end;  // once the queue is empty

    bool On(const OrderRow* order, OrderFeed::End why, const uuid::Uuid& order_id) {
      std::lock_guard lock(mutex);
      if (reactor == nullptr || finished) return false;
      if (order == nullptr) {
        end = StatusOf(why, order_id);
      } else {
        *queue.emplace_back().mutable_order() = ToMessage(*order);
        if (IsLast(order->state)) end = grpc::Status::OK;
      }
      Proceed();
      return !end.has_value();
    }

    void WriteDone(bool ok) {
      std::lock_guard lock(mutex);
      writing = false;
      queue.pop_front();
      if (!ok) {
        queue.clear();
        end = grpc::Status::CANCELLED;
      }
      Proceed();
    }

    void End(const grpc::Status& status) {
      std::lock_guard lock(mutex);
      if (!writing) queue.clear();
      end = status;
      Proceed();
    }

    // Holding the mutex: starts the next write, or ends the stream.
    void Proceed() {
      if (writing || finished || reactor == nullptr) return;
      if (!queue.empty()) {
        writing = true;
        reactor->StartWrite(&queue.front());
      } else if (end.has_value()) {
        finished = true;
        reactor->Finish(*end);
      }
    }
  };

  OrderFeed& feed_;
  std::shared_ptr<Shared> shared_;
  OrderFeed::WatchId watch_id_ = 0;
};

class Refused : public grpc::ServerWriteReactor<v1::WatchOrderResponse> {
 public:
  explicit Refused(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerWriteReactor<v1::WatchOrderResponse>* StartWatch(OrderFeed& feed,
                                                             const uuid::Uuid& order_id,
                                                             int64_t after_version) {
  return new Watch(feed, order_id, after_version);
}

grpc::ServerWriteReactor<v1::WatchOrderResponse>* RefusedWatch(const grpc::Status& status) {
  return new Refused(status);
}

}  // namespace order
