// outbox-relay: committed outbox rows into Kafka, in commit order, none lost.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "libs/service/flags.h"
#include "libs/service/loop.h"
#include "libs/service/runtime.h"
#include "outbox-relay/relay_config.h"
#include "outbox-relay/source_loop.h"
#include "outbox-relay/source_metrics.h"
#include "outbox-relay/source_state.h"
#include "outbox-relay/watch/source_watch.h"

namespace {

// One database: its stream and its watch, each on a thread of its own, so that no source waits for
// another.
struct Source {
  Source(const relay::SourceOptions& options, prometheus::Registry& registry)
      : name(options.name),
        metrics(registry, options.name),
        stream(options, metrics, state),
        watch(options.name, options.conninfo, metrics, state),
        streaming("stream " + name, [this](std::stop_token stop) { return stream.Run(stop); }),
        watching("watch " + name, [this](std::stop_token stop) { return watch.Run(stop); }) {}

  std::string name;
  relay::SourceMetrics metrics;
  relay::SourceState state;
  relay::SourceLoop stream;
  relay::SourceWatch watch;
  service::Loop streaming;
  service::Loop watching;
};

}  // namespace

int main(int argc, char** argv) {
  relay::Config config;
  service::Flags flags("outbox-relay", ORDER_SAGA_VERSION,
                       "Publishes committed outbox rows to Kafka, from the write-ahead log.");
  relay::AddRunVerb(flags, &config);
  flags.ParseOrExit(argc, argv);

  service::Runtime runtime(flags, config.runtime);
  std::vector<std::unique_ptr<Source>> sources;
  std::vector<service::Component*> components;
  for (const relay::SourceOptions& options : relay::ToSourceOptions(config)) {
    sources.push_back(std::make_unique<Source>(options, runtime.metrics()));
    Source& source = *sources.back();
    components.push_back(&source.streaming);
    components.push_back(&source.watching);
    runtime.http().AddReadinessCheck(source.name, [&source] { return source.state.health(); });
  }
  return runtime.Run(std::span<service::Component* const>(components));
}
