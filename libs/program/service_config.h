// The flags that the four services share: one list, the same names everywhere.
#ifndef ORDER_SAGA_LIBS_PROGRAM_SERVICE_CONFIG_H_
#define ORDER_SAGA_LIBS_PROGRAM_SERVICE_CONFIG_H_

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "libs/envelope/envelope.h"
#include "libs/inbox/door.h"
#include "libs/service/flags.h"
#include "libs/service/kafka_flags.h"
#include "libs/service/runtime.h"

namespace program {

struct ServiceConfig {
  service::RuntimeConfig runtime;
  service::KafkaConfig kafka;
  std::string grpc_address;
  std::string database;
  int database_connections = 10;
  std::string consumer_group;
  std::string topic_prefix;
  bool create_topics = true;
  int topic_replication_factor = 1;
  std::string message_format = "protobuf";
  int inbox_window_days = 45;

  // Of the verb `migrate`.
  std::string owner_database;
  std::string relay_database;
  std::string service_role;
  std::chrono::seconds database_wait{0};

  // The topic's name as this system has it.
  std::string Topic(std::string_view name) const;
  envelope::Format format() const;
};

// Defaults of one service: ports of the documentation, group and role named like the program.
ServiceConfig DefaultsOf(std::string_view program, int grpc_port, int http_port);

// Adds the verbs `run` (the default) and `migrate` with the shared flags, and answers `run` for
// those of the service's own. `config` must outlive the parse.
service::Verb& AddServiceVerbs(service::Flags& flags, ServiceConfig* config);

// The Kafka door's options for the topics that `program` consumes; `consumes` in the list's names.
inbox::DoorOptions DoorOptionsOf(const ServiceConfig& config, std::string_view program,
                                 const std::vector<std::string_view>& consumes);

}  // namespace program

#endif  // ORDER_SAGA_LIBS_PROGRAM_SERVICE_CONFIG_H_
