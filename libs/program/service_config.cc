#include "libs/program/service_config.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "libs/postgres/conninfo.h"
#include "libs/service/healthcheck.h"
#include "libs/topics/topics.h"

namespace program {
namespace {

// A message to a topic that can never exist would hold up everything behind it.
absl::Status IsTopicPrefix(std::string_view prefix) {
  const bool sound = prefix.size() <= 150 && std::ranges::all_of(prefix, [](char c) {
                       return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
                     });
  return sound ? absl::OkStatus()
               : absl::InvalidArgumentError("must be up to 150 letters, digits, '.', '_' or '-'");
}

// A message that anybody may still bring must be remembered, or it is applied twice.
absl::Status IsInboxWindow(std::string_view text) {
  constexpr int kLeast = std::chrono::ceil<std::chrono::days>(
                             std::max(topics::kRetention, topics::kDeadLetterRetention))
                             .count() +
                         1;
  if (service::InRange(kLeast, 3650)(text).ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("must be ", kLeast, " to 3650: dead letters are kept for ", kLeast - 1,
                   " days, and what comes again in that time must be remembered"));
}

}  // namespace

std::string ServiceConfig::Topic(std::string_view name) const {
  return topics::WithPrefix(topic_prefix, name);
}

envelope::Format ServiceConfig::format() const {
  return message_format == "json" ? envelope::Format::kJson : envelope::Format::kProtobuf;
}

ServiceConfig DefaultsOf(std::string_view program, int grpc_port, int http_port) {
  ServiceConfig config;
  config.grpc_address = absl::StrCat("127.0.0.1:", grpc_port);
  config.runtime.http_address = absl::StrCat("127.0.0.1:", http_port);
  config.consumer_group = std::string(program);
  config.service_role = absl::StrReplaceAll(std::string(program), {{"-", "_"}});
  return config;
}

service::Verb& AddServiceVerbs(service::Flags& flags, ServiceConfig* config) {
  const std::string role = config->service_role;
  service::Verb& run = flags.AddVerb("run", "Serves until SIGTERM or SIGINT.");
  run.Add(&config->database,
          {.name = "database",
           .help = "The service's database, as the service's role (libpq conninfo or URI).",
           .example = absl::StrCat("postgresql://", role, "@db/", role),
           .required = true,
           .check = postgres::CheckConninfo});
  run.Add(&config->database_connections, {.name = "database_connections",
                                          .help = "Connections to the database, at most: half for "
                                                  "what writes, half for calls that only read.",
                                          .check = service::InRange(6, 500)});
  run.Add(
      &config->grpc_address,
      {.name = "grpc_address", .help = "Where gRPC is served.", .check = service::IsHostPort()});
  service::AddKafkaFlags(flags, run, &config->kafka);
  run.Add(&config->consumer_group,
          {.name = "consumer_group", .help = "The Kafka consumer group; replicas share it."});
  run.Add(&config->topic_prefix,
          {.name = "topic_prefix",
           .help = "Put before every topic's name, so that several systems can share a broker.",
           .check = IsTopicPrefix});
  run.Add(&config->create_topics,
          {.name = "create_topics",
           .help = "Make the topics that this service consumes if they are missing. Off where "
                   "somebody else owns them (Strimzi)."});
  run.Add(&config->topic_replication_factor, {.name = "topic_replication_factor",
                                              .help = "Of the topics that it makes.",
                                              .check = service::InRange(1, 32)});
  run.Add(&config->message_format, {.name = "message_format",
                                    .help = "How this service writes messages; it reads both.",
                                    .check = service::OneOf({"protobuf", "json"})});
  run.Add(&config->inbox_window_days,
          {.name = "inbox_window_days",
           .help = "Days for which the ids of applied messages are remembered. What is older is a "
                   "dead letter, never applied. At least as long as any topic keeps messages, and "
                   "as the relays keep rows (--outbox_retention_days).",
           .check = IsInboxWindow});
  service::AddRuntimeFlags(run, &config->runtime);

  service::Verb& migrate = flags.AddVerb(
      "migrate", "Brings the database to what this program needs; does nothing if it is.");
  migrate.Add(&config->owner_database,
              {.name = "owner_database",
               .help = "The service's database, as its owner.",
               .example = absl::StrCat("postgresql://", role, "_owner@db/", role),
               .required = true,
               .check = postgres::CheckConninfo});
  migrate.Add(&config->relay_database,
              {.name = "relay_database",
               .help = "The same database as the relay's role, which makes the replication slot.",
               .example = absl::StrCat("postgresql://", role, "_relay@db/", role),
               .required = true,
               .check = postgres::CheckConninfo});
  migrate.Add(&config->service_role,
              {.name = "service_role", .help = "The role that `run` uses; it gets its rights."});
  migrate.Add(&config->database_wait,
              {.name = "wait_s",
               .help = "Seconds to wait for a database that takes no connection yet.",
               .check = service::InRange(0, 86'400)});
  service::AddLogFlags(migrate, &config->runtime);

  service::AddHealthcheckFlags(flags.AddVerb("healthcheck", service::kHealthcheckSummary),
                               &config->runtime.http_address);
  return run;
}

inbox::DoorOptions DoorOptionsOf(const ServiceConfig& config, std::string_view program,
                                 const std::vector<std::string_view>& consumes) {
  inbox::DoorOptions options;
  options.settings = service::ToSettings(config.kafka, std::string(program));
  options.group = config.consumer_group;
  for (std::string_view topic : consumes) options.topics.push_back(config.Topic(topic));
  if (config.create_topics) {
    options.create_topics =
        topics::ToCreateFor(program, config.topic_prefix, config.topic_replication_factor);
  }
  return options;
}

}  // namespace program
