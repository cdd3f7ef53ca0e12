// The flags of outbox-relay.
#ifndef ORDER_SAGA_OUTBOX_RELAY_RELAY_CONFIG_H_
#define ORDER_SAGA_OUTBOX_RELAY_RELAY_CONFIG_H_

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/service/flags.h"
#include "libs/service/kafka_flags.h"
#include "libs/service/runtime.h"
#include "outbox-relay/source_loop.h"
#include "outbox-relay/upkeep/upkeep.h"

namespace relay {

// Where `run` has its /metrics by default.
inline constexpr char kHttpAddress[] = "127.0.0.1:21105";

struct Config {
  std::vector<std::string> sources;  // NAME=CONNINFO
  service::KafkaConfig kafka;
  service::RuntimeConfig runtime;
  std::chrono::seconds wal_sender_timeout{10};
  int max_in_flight_mb = 5;
  std::string state_topic = kDefaultStateTopic;
  std::string heal = "stop";
  bool exactly_once = false;
  std::chrono::milliseconds transaction_interval{500};
  UpkeepConfig upkeep;
  std::chrono::seconds stall_timeout{60};
  std::chrono::seconds missing_topic_wait{30};
  int max_parked_keys = 100'000;
  int parked_warn_age_h = 72;
};

// The flags of the verb `run`. `config` must outlive the parse.
void AddRunFlags(service::Flags& flags, service::Verb& run, Config* config);

// --source, as every verb has it that asks databases: repeatable, each name once. `sources` must
// outlive the parse.
void AddSourceFlag(service::Flags& flags, service::Verb& verb, std::vector<std::string>* sources);

struct NamedSource {
  std::string name;
  std::string conninfo;
};
// "order-service=postgresql://…": the name is of a–z, 0–9 and -, and is followed by what libpq
// takes.
absl::StatusOr<NamedSource> ParseSource(std::string_view text);

// After the parse: what --source says.
std::vector<NamedSource> ToSources(const std::vector<std::string>& sources);
std::vector<SourceOptions> ToSourceOptions(const Config& config);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_RELAY_CONFIG_H_
