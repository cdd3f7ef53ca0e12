// kitchen-service: accepts or rejects what is to be cooked.
#include "kitchen-service/handlers/ticket_commands.h"
#include "kitchen-service/migrations/migrations.h"
#include "kitchen-service/rpc/kitchen_service.h"
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

namespace {
constexpr char kProgram[] = "kitchen-service";
}

int main(int argc, char** argv) {
  program::ServiceConfig config = program::DefaultsOf(kProgram, 21004, 21104);
  kitchen::Policy policy;
  std::string acceptance = "auto";
  service::Flags flags(kProgram, ORDER_SAGA_VERSION, "Accepts or rejects what is to be cooked.");
  service::Verb& run = program::AddServiceVerbs(flags, &config);
  run.Add(&acceptance, {.name = "acceptance",
                        .help = "auto: tickets are answered at once, by their size. manual: a "
                                "person does, with AcceptTicket or RejectTicket.",
                        .check = service::OneOf({"auto", "manual"})});
  run.Add(&policy.max_items_per_ticket,
          {.name = "max_items_per_ticket",
           .help = "With --acceptance=auto, tickets of more items are rejected.",
           .check = service::InRange(1, 1e12)});
  const std::string verb = flags.ParseOrExit(argc, argv);
  policy.automatic = acceptance == "auto";

  const program::MigrationSets migrations = {
      &postgres::PartitionMigrations(), &postgres::OutboxMigrations(),
      &postgres::InboxMigrations(),     &postgres::ParticipantMigrations(),
      &postgres::RequestMigrations(),   &postgres::KitchenMigrations()};
  if (verb == "healthcheck") return service::Healthcheck(config.runtime.http_address);
  if (verb == "migrate") return program::Migrate(config, migrations);

  service::Runtime runtime(flags, config.runtime);
  program::Pools pools(config, kProgram, migrations);
  const participant::ReplyOptions replies = {.topic = config.Topic(topics::kKitchenToOrder),
                                             .format = config.format()};

  kitchen::TicketCommands ticket_commands(policy);
  participant::Participant participant(ticket_commands, replies);
  inbox::Door command_door(program::DoorOptionsOf(config, kProgram, {topics::kOrderToKitchen}),
                           pools.writes, participant, runtime.metrics());
  service::Loop commands("commands", [&](std::stop_token stop) { return command_door.Run(stop); });

  kitchen::KitchenService kitchen_service(pools.writes, pools.reads, replies);
  service::GrpcServer calls("grpc", {.address = config.grpc_address}, runtime.metrics());
  calls.Add(kitchen::v1::KitchenService::service_full_name(), &kitchen_service);

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
