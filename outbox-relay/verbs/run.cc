#include "outbox-relay/verbs/run.h"

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "libs/service/healthcheck.h"
#include "libs/service/loop.h"
#include "libs/service/runtime.h"
#include "outbox-relay/health/progress_watch.h"
#include "outbox-relay/pause/pause_watch.h"
#include "outbox-relay/relay_config.h"
#include "outbox-relay/source_loop.h"
#include "outbox-relay/source_metrics.h"
#include "outbox-relay/source_state.h"
#include "outbox-relay/upkeep/upkeep.h"
#include "outbox-relay/watch/source_watch.h"

namespace relay {
namespace {

// Somewhat more than PauseWatch takes to ask, to give up and to connect anew.
constexpr std::chrono::seconds kPostgresPatience(30);

// One database: its stream and what watches it, each on a thread of its own, so that no source
// waits for another.
struct Source {
  Source(const SourceOptions& options, const UpkeepConfig& upkeep_config,
         prometheus::Registry& registry)
      : name(options.name),
        metrics(registry, options.name),
        stream(options, metrics, state),
        watch(
            options.name, options.conninfo,
            {.kafka = options.producer.kafka, .topic = options.state_topic, .source = options.name},
            metrics, state),
        pause(options.name, options.conninfo, registry, state),
        upkeep(options.name, options.conninfo, upkeep_config, registry, state),
        streaming("stream " + name, [this](std::stop_token stop) { return stream.Run(stop); }),
        watching("watch " + name, [this](std::stop_token stop) { return watch.Run(stop); }),
        pausing("pause " + name, [this](std::stop_token stop) { return pause.Run(stop); }),
        keeping_up("upkeep " + name, [this](std::stop_token stop) { return upkeep.Run(stop); }) {}

  std::string name;
  SourceMetrics metrics;
  SourceState state;
  SourceLoop stream;
  SourceWatch watch;
  PauseWatch pause;
  Upkeep upkeep;
  service::Loop streaming;
  service::Loop watching;
  service::Loop pausing;
  service::Loop keeping_up;
};

int Run(const service::Flags& flags, const Config& config) {
  service::Runtime runtime(flags, config.runtime);
  std::vector<std::unique_ptr<Source>> sources;
  std::vector<service::Component*> components;
  ProgressWatch progress(service::ToSettings(config.kafka, "outbox-relay-health"),
                         config.stall_timeout);
  for (const SourceOptions& options : ToSourceOptions(config)) {
    sources.push_back(std::make_unique<Source>(options, config.upkeep, runtime.metrics()));
    Source& source = *sources.back();
    components.push_back(&source.streaming);
    components.push_back(&source.watching);
    components.push_back(&source.pausing);
    components.push_back(&source.keeping_up);
    runtime.http().AddReadinessCheck(source.name, [&source] {
      return source.state.Readiness(std::chrono::steady_clock::now(), kPostgresPatience);
    });
    const size_t number = progress.Add(source.state, source.metrics);
    runtime.http().AddLivenessCheck(source.name,
                                    [&progress, number] { return progress.health(number); });
  }
  service::Loop looking("health", [&progress](std::stop_token stop) { return progress.Run(stop); });
  components.push_back(&looking);
  return runtime.Run(std::span<service::Component* const>(components));
}

}  // namespace

void AddRunVerb(Verbs& verbs) {
  auto config = std::make_shared<Config>();
  service::Verb& run = verbs.Add("run", "Relays until SIGTERM.",
                                 [&verbs, config] { return Run(verbs.flags(), *config); });
  AddRunFlags(verbs.flags(), run, config.get());
  run.AddExample(
      "--source=order-service=postgresql://order_service_relay@db/order_service "
      "--kafka_brokers=kafka:9092");
}

void AddHealthcheckVerb(Verbs& verbs) {
  auto http_address = std::make_shared<std::string>(kHttpAddress);
  service::Verb& verb = verbs.Add("healthcheck", service::kHealthcheckSummary,
                                  [http_address] { return service::Healthcheck(*http_address); });
  service::AddHealthcheckFlags(verb, http_address.get());
  verb.AddExample("--http_address=127.0.0.1:21106");
}

}  // namespace relay
