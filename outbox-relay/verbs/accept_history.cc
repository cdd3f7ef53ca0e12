#include "outbox-relay/verbs/accept_history.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "libs/service/redact.h"
#include "outbox-relay/history/accept.h"
#include "outbox-relay/relay_config.h"

namespace relay {
namespace {

struct Options {
  std::vector<std::string> sources;
  service::KafkaConfig kafka;
  std::string state_topic = kDefaultStateTopic;
  std::string finding;
  std::int64_t published_up_to_seq = -1;
};

int AcceptAndTell(const Options& options) {
  const NamedSource source = ToSources(options.sources).front();
  const auto told = AcceptHistory(
      {.conninfo = source.conninfo,
       .topic = {.kafka = service::ToSettings(options.kafka, "outbox-relay-accept-history"),
                 .topic = options.state_topic,
                 .source = source.name},
       .finding = options.finding,
       .published_up_to_seq = options.published_up_to_seq});
  if (!told.ok()) {
    std::fprintf(stderr, "accept-history: %s\n",
                 service::Redact(std::string(told.status().message())).c_str());
    return 1;
  }
  std::printf("%s\n", told->c_str());
  return 0;
}

}  // namespace

void AddAcceptHistoryVerb(Verbs& verbs) {
  auto options = std::make_shared<Options>();
  service::Verb& verb =
      verbs.Add("accept-history",
                "Accepts that a source's server or slot is not as relays have left it: events may "
                "be missing. Without --finding only says what was found.",
                [options] { return AcceptAndTell(*options); });
  AddSourceFlag(verbs.flags(), verb, &options->sources);
  service::AddKafkaFlags(verbs.flags(), verb, &options->kafka);
  verb.Add(&options->state_topic,
           {.name = "state_topic", .help = "The relays' topic of positions, as in `run`."});
  verb.Add(&options->finding,
           {.name = "finding",
            .help = "What is accepted, as the relay's error names it. It stands for this server, "
                    "slot, position and publication only: the next finding has another name."});
  verb.Add(&options->published_up_to_seq,
           {.name = "published_up_to_seq",
            .help = "After a restore: the outbox's rows up to this `seq` are at Kafka, says the "
                    "operator; the relay publishes the rows behind it that are not, before it goes "
                    "on. -1: none.",
            .check = service::InRange(-1, 9.2e18)});
  verbs.flags().AddCheck(verb, [options] {
    return options->sources.size() == 1
               ? absl::OkStatus()
               : absl::InvalidArgumentError(
                     "--source (ORDER_SAGA_SOURCE): give one; each is accepted for itself");
  });
  verb.AddExample(
      "--source=order-service=postgresql://order_service_relay@db/order_service "
      "--kafka_brokers=kafka:9092 --finding=1a2b3c4d");
}

}  // namespace relay
