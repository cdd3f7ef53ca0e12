// customer-service: keeps the customers and their credit, and holds it for orders.
#include "customer-service/handlers/credit_commands.h"
#include "customer-service/rpc/customer_service.h"
#include "libs/inbox/door.h"
#include "libs/inbox/migrations.h"
#include "libs/outbox/migrations.h"
#include "libs/participant/migrations.h"
#include "libs/participant/participant.h"
#include "libs/program/canary.h"
#include "libs/program/database.h"
#include "libs/program/inbox_upkeep.h"
#include "libs/program/service_config.h"
#include "libs/requests/migrations.h"
#include "libs/service/grpc_server.h"
#include "libs/service/healthcheck.h"
#include "libs/service/loop.h"
#include "libs/service/runtime.h"
#include "libs/topics/topics.h"

namespace postgres {
const MigrationSet& CustomerMigrations();
}

namespace {
constexpr char kProgram[] = "customer-service";
}

int main(int argc, char** argv) {
  program::ServiceConfig config = program::DefaultsOf(kProgram, 21003, 21103);
  service::Flags flags(kProgram, ORDER_SAGA_VERSION,
                       "Keeps the customers and their credit, and holds it for orders.");
  program::AddServiceVerbs(flags, &config);
  const std::string verb = flags.ParseOrExit(argc, argv);

  const program::MigrationSets migrations = {
      &postgres::PartitionMigrations(), &postgres::OutboxMigrations(),
      &postgres::InboxMigrations(),     &postgres::ParticipantMigrations(),
      &postgres::RequestMigrations(),   &postgres::CustomerMigrations()};
  if (verb == "healthcheck") return service::Healthcheck(config.runtime.http_address);
  if (verb == "migrate") return program::Migrate(config, migrations);

  service::Runtime runtime(flags, config.runtime);
  program::Pools pools(config, kProgram, migrations);

  customer::CreditCommands credit_commands;
  participant::Participant participant(
      credit_commands,
      {.topic = config.Topic(topics::kCustomerToOrder), .format = config.format()});
  inbox::Door command_door(program::DoorOptionsOf(config, kProgram, {topics::kOrderToCustomer}),
                           pools.writes, participant, runtime.metrics());
  service::Loop commands("commands", [&](std::stop_token stop) { return command_door.Run(stop); });

  customer::CustomerService customer_service(pools.writes, pools.reads);
  service::GrpcServer calls("grpc", {.address = config.grpc_address}, runtime.metrics());
  calls.Add(customer::v1::CustomerService::service_full_name(), &customer_service);

  service::Loop upkeep("upkeep", [&](std::stop_token stop) {
    return program::KeepInbox(pools.writes, config.inbox_window_days, runtime.metrics(), stop);
  });
  service::Loop canaries("canaries", [&](std::stop_token stop) {
    return program::SendCanaries(pools.writes, kProgram, config.Topic(topics::kOrderToTest), stop);
  });
  runtime.http().AddReadinessCheck("kafka", [&] { return command_door.HasJoined(); });
  program::AddPoolMetrics(pools, runtime.http());
  runtime.http().AddReadinessCheck("postgres", program::DatabaseAnswers(pools.reads));

  return runtime.Run(commands, upkeep, canaries, calls);
}
