#include "libs/inbox/metrics.h"

#include <map>
#include <string>

#include "libs/telemetry/metrics.h"

namespace inbox {

Metrics::Metrics(prometheus::Registry& registry)
    : messages_(prometheus::BuildCounter()
                    .Name("inbox_messages_total")
                    .Help("Messages taken from Kafka, by what became of them.")
                    .Register(registry)),
      applied_(messages_.Add({{"outcome", "applied"}})),
      duplicates_(messages_.Add({{"outcome", "duplicate"}})),
      parked_(messages_.Add({{"outcome", "parked"}})),
      dead_(messages_.Add({{"outcome", "dead_letter"}})),
      dead_letters_(prometheus::BuildCounter()
                        .Name("inbox_dead_letters_total")
                        .Help("Messages that could not be read, or belonged to nobody.")
                        .Register(registry)
                        .Add({})),
      batch_seconds_(prometheus::BuildHistogram()
                         .Name("inbox_batch_seconds")
                         .Help("Time to apply one batch, its transaction included.")
                         .Register(registry)
                         .Add({}, telemetry::LatencyBuckets())),
      batch_messages_(prometheus::BuildHistogram()
                          .Name("inbox_batch_messages")
                          .Help("Messages in one transaction.")
                          .Register(registry)
                          .Add({}, prometheus::Histogram::BucketBoundaries{1, 2, 5, 10, 20, 50, 100,
                                                                           200, 500, 1000})),
      lag_(prometheus::BuildGauge()
               .Name("inbox_consumer_lag")
               .Help("Messages at the broker that are not applied yet.")
               .Register(registry)) {}

void Metrics::Count(const Outcomes& outcomes, size_t messages,
                    std::chrono::steady_clock::duration duration) {
  applied_.Increment(static_cast<double>(outcomes.applied));
  duplicates_.Increment(static_cast<double>(outcomes.duplicates));
  parked_.Increment(static_cast<double>(outcomes.parked));
  dead_.Increment(static_cast<double>(outcomes.dead_letters));
  dead_letters_.Increment(static_cast<double>(outcomes.dead_letters));
  batch_messages_.Observe(static_cast<double>(messages));
  batch_seconds_.Observe(telemetry::Seconds(duration));
}

void Metrics::SetLag(const kafka::Consumer& consumer, const std::vector<std::string>& topics) {
  std::map<std::string, int64_t> by_topic;
  for (const std::string& topic : topics) by_topic[topic] = 0;
  for (const auto& lag : consumer.Lag()) by_topic[lag.partition.topic] += lag.messages;
  for (const auto& [topic, messages] : by_topic) {
    lag_.Add({{"topic", topic}}).Set(static_cast<double>(messages));
  }
}

}  // namespace inbox
