#include "outbox-relay/relay_config.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "absl/strings/str_cat.h"
#include "libs/postgres/conninfo.h"

namespace relay {
namespace {

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace

absl::StatusOr<NamedSource> ParseSource(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || !IsName(text.substr(0, equals))) {
    return absl::InvalidArgumentError(
        "must be NAME=CONNINFO, with a name of a-z, 0-9 and -, as in "
        "order-service=postgresql://order_service_relay@127.0.0.1:5432/order_service");
  }
  NamedSource source{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
  if (absl::Status status = postgres::CheckConninfo(source.conninfo); !status.ok()) return status;
  return source;
}

void AddSourceFlag(service::Flags& flags, service::Verb& verb, std::vector<std::string>* sources) {
  verb.Add(sources,
           {.name = "source",
            .help = "A database with an outbox, as NAME=CONNINFO; repeatable. The role needs LOGIN "
                    "and, but for lag-exporter, REPLICATION; the slot is outbox_<database>, the "
                    "publication outbox; "
                    "ce_source is /NAME.",
            .example = "order-service=postgresql://order_service_relay@db:5432/order_service",
            .required = true,
            .check = [](std::string_view text) { return ParseSource(text).status(); },
            .env_separator = ';'});
  flags.AddCheck(verb, [sources] {
    std::set<std::string> names;
    for (const std::string& text : *sources) {
      const std::string name = text.substr(0, text.find('='));
      if (!names.insert(name).second) {
        return absl::InvalidArgumentError(
            absl::StrCat("--source (ORDER_SAGA_SOURCE): the name ", name,
                         " is given twice; each source needs its own"));
      }
    }
    return absl::OkStatus();
  });
}

void AddRunFlags(service::Flags& flags, service::Verb& run, Config* config) {
  config->runtime.http_address = kHttpAddress;
  AddSourceFlag(flags, run, &config->sources);
  service::AddKafkaFlags(flags, run, &config->kafka);
  run.Add(
      &config->max_in_flight_mb,
      {.name = "max_in_flight_mb",
       .help = "Memory, in MiB and for each source, for events that Kafka has not acknowledged. "
               "When it is used up, reading waits.",
       .check = service::InRange(1, 4096)});
  run.Add(&config->heal,
          {.name = "heal",
           .help = "What to do when server or slot are not as relays have left them. stop: say so "
                   "and wait for a person. table: publish from the outbox's rows what is not at "
                   "Kafka, make the slot anew, and go on; where nothing can be proven, stop.",
           .check = service::OneOf({"stop", "table"})});
  run.Add(&config->exactly_once,
          {.name = "exactly_once",
           .help = "Publish events and position in one Kafka transaction: consumers with "
                   "isolation.level=read_committed see each event once, whenever a relay dies. "
                   "Costs some ten milliseconds an event on its way."});
  run.Add(&config->transaction_interval,
          {.name = "transaction_interval_ms",
           .help = "With --exactly_once: milliseconds after which a transaction is committed that "
                   "always finds more to publish; when there is no more, it is at once.",
           .check = service::InRange(1, 10'000)});
  run.Add(&config->state_topic,
          {.name = "state_topic",
           .help = "Compacted topic with a copy of each source's position, so that a restored or "
                   "promoted database is noticed; made if it is missing. Key = the source's name: "
                   "two relays for the same source share it, others need other names."});
  run.Add(&config->wal_sender_timeout,
          {.name = "wal_sender_timeout_s",
           .help = "Seconds after which Postgres gives the slot to another relay if this one "
                   "does not answer.",
           .check = service::InRange(1, 3600)});
  run.Add(
      &config->missing_topic_wait,
      {.name = "missing_topic_wait_s",
       .help = "Seconds that the stream waits for a topic that does not exist; then the topic's "
               "events are parked until it does, and all others flow.",
       .check = service::InRange(0, 86'400)});
  run.Add(&config->max_parked_keys,
          {.name = "max_parked_keys",
           .help = "How many keys of a source are parked one by one; each takes some 400 bytes of "
                   "memory. Beyond that the whole topic of an event that Kafka refuses is parked.",
           .check = service::InRange(1, 10'000'000)});
  run.Add(&config->parked_warn_age_h,
          {.name = "parked_warn_age_h",
           .help = "Hours after which parked keys are logged as errors, once an hour. To be less "
                   "than consumers remember ids: their inbox takes older ones for repeats.",
           .check = service::InRange(1, 8'760)});
  AddUpkeepFlags(run, &config->upkeep);
  run.Add(
      &config->stall_timeout,
      {.name = "stall_timeout_s",
       .help = "/healthz fails when a source has not moved for so many seconds although Postgres "
               "and Kafka answer and there is something to send.",
       .check = service::InRange(1, 86400)});
  service::AddRuntimeFlags(run, &config->runtime);
}

std::vector<NamedSource> ToSources(const std::vector<std::string>& sources) {
  std::vector<NamedSource> all;
  for (const std::string& text : sources) {
    absl::StatusOr<NamedSource> source = ParseSource(text);
    if (source.ok()) all.push_back(*std::move(source));  // the parse has refused all others
  }
  return all;
}

std::vector<SourceOptions> ToSourceOptions(const Config& config) {
  using std::chrono::milliseconds;
  std::vector<SourceOptions> all;
  for (const NamedSource& source : ToSources(config.sources)) {
    SourceOptions options;
    options.name = source.name;
    options.conninfo = source.conninfo;
    options.wal_sender_timeout = config.wal_sender_timeout;
    // The last two seconds are for goodbyes, so that the program's own deadline is kept.
    options.drain_timeout = std::max(
        milliseconds(config.runtime.drain_timeout) - milliseconds(2'000), milliseconds(500));
    options.producer.kafka = service::ToSettings(config.kafka, "outbox-relay-" + source.name);
    options.producer.max_in_flight_bytes = static_cast<size_t>(config.max_in_flight_mb) << 20;
    options.state_topic = config.state_topic;
    options.heal = config.heal == "table";
    options.exactly_once = config.exactly_once;
    options.transaction_interval = config.transaction_interval;
    options.parking = {.source_name = source.name,
                       .conninfo = source.conninfo,
                       .missing_topic_wait = config.missing_topic_wait,
                       .most_keys = static_cast<size_t>(config.max_parked_keys),
                       .warn_age = std::chrono::hours(config.parked_warn_age_h)};
    all.push_back(std::move(options));
  }
  return all;
}

}  // namespace relay
