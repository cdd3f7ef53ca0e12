// order-service: takes orders, and runs the saga that carries each of them.
#include "libs/group_commit/door.h"
#include "libs/inbox/door.h"
#include "libs/inbox/migrations.h"
#include "libs/orchestrator/migrations.h"
#include "libs/orchestrator/orchestrator.h"
#include "libs/outbox/migrations.h"
#include "libs/program/canary.h"
#include "libs/program/database.h"
#include "libs/program/inbox_upkeep.h"
#include "libs/program/periodic.h"
#include "libs/program/service_config.h"
#include "libs/service/grpc_server.h"
#include "libs/service/healthcheck.h"
#include "libs/service/loop.h"
#include "libs/service/runtime.h"
#include "libs/topics/topics.h"
#include "order-service/canary/canary_listener.h"
#include "order-service/handlers/create_order.h"
#include "order-service/migrations/migrations.h"
#include "order-service/rpc/order_service.h"
#include "order-service/rpc/saga_admin_service.h"
#include "order-service/saga/create_order.h"
#include "order-service/watch/order_feed.h"

namespace {

constexpr char kProgram[] = "order-service";

// Reads the gauges of the sagas once a second.
absl::Status ReadSagaGauges(postgres::Pool& pool, orchestrator::SagaGauges& gauges,
                            std::stop_token stop) {
  return program::EverySecond(stop, [&] {
    auto lease = pool.Acquire(absl::Seconds(1));
    return lease.ok() ? gauges.Read(**lease) : lease.status();
  });
}

}  // namespace

int main(int argc, char** argv) {
  program::ServiceConfig config = program::DefaultsOf(kProgram, 21001, 21101);
  std::string admin_address = "127.0.0.1:21011";
  service::Flags flags(kProgram, ORDER_SAGA_VERSION,
                       "Takes orders by gRPC and runs the saga that carries each of them.");
  service::Verb& run = program::AddServiceVerbs(flags, &config);
  run.Add(&admin_address, {.name = "admin_address",
                           .help = "Where saga.v1.SagaAdminService is served, for operators.",
                           .check = service::IsHostPort()});
  order::OrderFeed::Options watching;
  run.Add(&watching.max_watchers,
          {.name = "max_watchers",
           .help = "Calls that wait for an order's end or watch it, at once; more are refused.",
           .check = service::InRange(1, 1e6)});
  const std::string verb = flags.ParseOrExit(argc, argv);

  const program::MigrationSets migrations = {
      &postgres::PartitionMigrations(), &postgres::OutboxMigrations(), &postgres::InboxMigrations(),
      &postgres::OrchestratorMigrations(), &postgres::OrderMigrations()};
  if (verb == "healthcheck") return service::Healthcheck(config.runtime.http_address);
  if (verb == "migrate") return program::Migrate(config, migrations);

  service::Runtime runtime(flags, config.runtime);
  program::Pools pools(config, kProgram, migrations);

  order::OrderFeed feed(pools.writes, watching);
  order::CreateOrderSaga create_order_saga(config.topic_prefix,
                                           [&](const auto& ids) { feed.Announce(ids); });
  orchestrator::Orchestrator sagas(create_order_saga, config.format(), runtime.metrics());
  order::CreateOrder create_order(sagas);

  group_commit::Door creations("create-order", {}, pools.writes,
                               order::OrderService::HandleCalls(create_order), runtime.metrics());
  order::OrderService order_service(pools.reads, creations, feed);
  service::GrpcServer calls("grpc", {.address = config.grpc_address}, runtime.metrics());
  calls.Add(order::v1::OrderService::service_full_name(), &order_service);

  order::SagaAdminService admin_service(pools.reads, create_order_saga.table());
  service::GrpcServer admin("admin", {.address = admin_address}, runtime.metrics());
  admin.Add(saga::v1::SagaAdminService::service_full_name(), &admin_service);

  inbox::Door reply_door(program::DoorOptionsOf(config, kProgram,
                                                {topics::kProductToOrder, topics::kCustomerToOrder,
                                                 topics::kKitchenToOrder}),
                         pools.writes, sagas, runtime.metrics());
  service::Loop replies("replies", [&](std::stop_token stop) { return reply_door.Run(stop); });

  order::CanaryListener listener;
  inbox::DoorOptions canary_options =
      program::DoorOptionsOf(config, kProgram, {topics::kOrderToTest});
  canary_options.group += "-canary";
  inbox::Door canary_door(canary_options, pools.writes, listener, runtime.metrics());
  service::Loop canaries_in("canaries-in",
                            [&](std::stop_token stop) { return canary_door.Run(stop); });
  service::Loop upkeep("upkeep", [&](std::stop_token stop) {
    return program::KeepInbox(pools.writes, config.inbox_window_days, runtime.metrics(), stop);
  });
  service::Loop canaries_out("canaries-out", [&](std::stop_token stop) {
    return program::SendCanaries(pools.writes, kProgram, config.Topic(topics::kOrderToTest), stop);
  });
  runtime.http().AddMetrics(std::make_shared<telemetry::GaugeOnScrape>(
      "outbox_canary_age_seconds",
      "Age of the newest canary that came all the way from a service. Of several replicas one "
      "hears each service: the minimum counts.",
      [&] { return listener.Ages(); }));

  orchestrator::SagaGauges gauges(runtime.metrics());
  service::Loop watcher(
      "gauges", [&](std::stop_token stop) { return ReadSagaGauges(pools.reads, gauges, stop); });
  runtime.http().AddReadinessCheck("kafka", [&] { return reply_door.HasJoined(); });
  program::AddPoolMetrics(pools, runtime.http());
  runtime.http().AddReadinessCheck("postgres", program::DatabaseAnswers(pools.reads));

  // Drained from the last to the first: watchers are told, calls end, then their door closes.
  return runtime.Run(creations, replies, upkeep, canaries_in, canaries_out, watcher, admin, calls,
                     feed);
}
