// Places orders as fast as they are answered, from many callers at once, or one at a time and
// watches each until it is decided. What bench/sagas.py calls; prints `name value` lines.
//
//   order_load --address 127.0.0.1:21001 --orders 10000 --callers 64
//   order_load --address 127.0.0.1:21001 --orders 300 --watch
//
// Each order has two lines; products 1 to --products and users 1 to --users take turns.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "libs/service/flags.h"
#include "order/v1/order_service.grpc.pb.h"

namespace {

using Clock = std::chrono::steady_clock;
using order::v1::OrderService;

// An order that is not decided by then is a failure, not a wait without end.
constexpr std::chrono::seconds kDeadline(60);

struct Config {
  std::string address;
  int orders = 1000;
  int callers = 64;
  int products = 100;
  int users = 1000;
  bool watch = false;
};

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double Quantile(std::vector<double>& values, double q) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::size_t>(q * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

void PrintQuantiles(const char* name, std::vector<double>& milliseconds) {
  std::printf("%s_p50_ms %.3f\n", name, Quantile(milliseconds, 0.5));
  std::printf("%s_p99_ms %.3f\n", name, Quantile(milliseconds, 0.99));
}

order::v1::CreateOrderRequest RequestNumber(const Config& config, int number) {
  order::v1::CreateOrderRequest request;
  request.set_user_id(1 + number % config.users);
  for (int line = 0; line < 2; ++line) {
    auto* product = request.add_order_products();
    product->set_product_id(1 + (2 * number + line) % config.products);
    product->set_amount(1);
  }
  return request;
}

// A caller places its next order when the last one is answered.
class Load {
 public:
  Load(const Config& config, OrderService::Stub& stub) : config_(config), stub_(stub) {}

  int Run() {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < config_.callers; ++i) callers_.push_back(std::make_unique<Caller>());
    running_ = config_.callers;
    for (auto& caller : callers_) Next(*caller);
    {
      std::unique_lock lock(mutex_);
      done_.wait(lock, [&] { return running_ == 0; });
    }
    std::printf("seconds %.6f\n", MillisecondsSince(start) / 1000);
    std::vector<double> all;
    for (auto& caller : callers_) {
      all.insert(all.end(), caller->milliseconds.begin(), caller->milliseconds.end());
    }
    PrintQuantiles("create_order", all);
    std::printf("failed %d\n", failed_.load());
    return failed_ == 0 ? 0 : 1;
  }

 private:
  struct Caller {
    std::unique_ptr<grpc::ClientContext> context;
    order::v1::CreateOrderRequest request;
    order::v1::CreateOrderResponse response;
    std::vector<double> milliseconds;
  };

  void Next(Caller& caller) {
    const int number = next_.fetch_add(1);
    if (number >= config_.orders) {
      const std::lock_guard lock(mutex_);
      if (--running_ == 0) done_.notify_all();
      return;
    }
    caller.context = std::make_unique<grpc::ClientContext>();
    caller.context->set_deadline(std::chrono::system_clock::now() + kDeadline);
    caller.request = RequestNumber(config_, number);
    const Clock::time_point start = Clock::now();
    stub_.async()->CreateOrder(caller.context.get(), &caller.request, &caller.response,
                               [this, &caller, start](const grpc::Status& status) {
                                 caller.milliseconds.push_back(MillisecondsSince(start));
                                 if (!status.ok() && failed_.fetch_add(1) == 0) {
                                   std::cerr << "CreateOrder: " << status.error_message() << "\n";
                                 }
                                 Next(caller);
                               });
  }

  const Config& config_;
  OrderService::Stub& stub_;
  std::vector<std::unique_ptr<Caller>> callers_;
  std::atomic<int> next_ = 0;
  std::atomic<int> failed_ = 0;
  std::mutex mutex_;
  std::condition_variable done_;
  int running_ = 0;  // guarded by mutex_
};

// From the call until the watcher is told of the decision.
int RunOneByOne(const Config& config, OrderService::Stub& stub) {
  std::vector<double> created, decided;
  for (int number = 0; number < config.orders; ++number) {
    grpc::ClientContext context, watch_context;
    order::v1::CreateOrderResponse created_order;
    const Clock::time_point start = Clock::now();
    grpc::Status status = stub.CreateOrder(&context, RequestNumber(config, number), &created_order);
    created.push_back(MillisecondsSince(start));
    order::v1::WatchOrderRequest watch;
    watch.set_order_id(created_order.order().order_id());
    watch.set_after_version(created_order.order().version());
    order::v1::WatchOrderResponse state;
    if (status.ok()) {
      auto reader = stub.WatchOrder(&watch_context, watch);
      while (reader->Read(&state)) decided.push_back(MillisecondsSince(start));
      status = reader->Finish();
    }
    if (!status.ok() || state.order().status() != order::v1::Order::APPROVED) {
      std::cerr << "order " << number << ": " << status.error_message() << " "
                << state.ShortDebugString() << "\n";
      return 1;
    }
  }
  PrintQuantiles("create_order", created);
  PrintQuantiles("order_to_approved", decided);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Config config;
  service::Flags flags("order_load", ORDER_SAGA_VERSION, "Places orders and measures.");
  service::Verb& run = flags.AddVerb("run", "Places orders.");
  run.Add(&config.address, {.name = "address", .help = "Of order-service.", .required = true});
  run.Add(&config.orders, {.name = "orders", .help = "How many."});
  run.Add(&config.callers, {.name = "callers", .help = "Calls at once."});
  run.Add(&config.products, {.name = "products", .help = "Products, from 1."});
  run.Add(&config.users, {.name = "users", .help = "Users, from 1."});
  run.Add(&config.watch, {.name = "watch", .help = "One order at a time, until it is decided."});
  flags.ParseOrExit(argc, argv);

  auto stub = OrderService::NewStub(
      grpc::CreateChannel(config.address, grpc::InsecureChannelCredentials()));
  return config.watch ? RunOneByOne(config, *stub) : Load(config, *stub).Run();
}
