#include "libs/inbox/metrics.h"

#include <optional>

#include "libs/telemetry/metrics.h"

namespace inbox {

Metrics::Metrics(prometheus::Registry& registry, const std::string& group)
    : messages_(prometheus::BuildCounter()
                    .Name("inbox_messages_total")
                    .Help("Messages taken from Kafka, by what became of them.")
                    .Register(registry)),
      applied_(messages_.Add({{"group", group}, {"outcome", "applied"}})),
      duplicates_(messages_.Add({{"group", group}, {"outcome", "duplicate"}})),
      parked_(messages_.Add({{"group", group}, {"outcome", "parked"}})),
      dead_(messages_.Add({{"group", group}, {"outcome", "dead_letter"}})),
      dead_letters_(prometheus::BuildCounter()
                        .Name("inbox_dead_letters_total")
                        .Help("Messages that could not be read, or belonged to nobody.")
                        .Register(registry)
                        .Add({{"group", group}})),
      batch_seconds_(prometheus::BuildHistogram()
                         .Name("inbox_batch_seconds")
                         .Help("Time to apply one batch, its transaction included.")
                         .Register(registry)
                         .Add({{"group", group}}, telemetry::LatencyBuckets())),
      batch_messages_(prometheus::BuildHistogram()
                          .Name("inbox_batch_messages")
                          .Help("Messages in one transaction.")
                          .Register(registry)
                          .Add({{"group", group}},
                               prometheus::Histogram::BucketBoundaries{1, 2, 5, 10, 20, 50, 100,
                                                                       200, 500, 1000})),
      lag_(prometheus::BuildGauge()
               .Name("inbox_consumer_lag")
               .Help("Messages at the broker that are not applied yet.")
               .Register(registry)),
      group_(group),
      held_(prometheus::BuildGauge()
                .Name("inbox_parked")
                .Help("Messages in inbox_parked: held back with their sagas.")
                .Register(registry)
                .Add({})) {}

void Metrics::Count(const Outcomes& outcomes, std::chrono::steady_clock::duration duration) {
  applied_.Increment(static_cast<double>(outcomes.applied));
  duplicates_.Increment(static_cast<double>(outcomes.duplicates));
  parked_.Increment(static_cast<double>(outcomes.parked));
  dead_.Increment(static_cast<double>(outcomes.dead_letters));
  dead_letters_.Increment(static_cast<double>(outcomes.dead_letters));
  batch_messages_.Observe(static_cast<double>(outcomes.messages()));
  batch_seconds_.Observe(telemetry::Seconds(duration));
}

void Metrics::SetLag(const kafka::Consumer& consumer, const std::vector<std::string>& topics) {
  std::map<std::string, std::optional<int64_t>> by_topic;
  for (const std::string& topic : topics) by_topic[topic] = 0;
  for (const auto& lag : consumer.Lag()) {
    std::optional<int64_t>& sum = by_topic[lag.partition.topic];
    sum = sum && lag.messages ? std::optional(*sum + *lag.messages) : std::nullopt;
  }
  for (const auto& [topic, messages] : by_topic) {
    prometheus::Gauge*& gauge = lag_of_topic_[topic];
    if (messages) {
      if (gauge == nullptr) gauge = &lag_.Add({{"group", group_}, {"topic", topic}});
      gauge->Set(static_cast<double>(*messages));
    } else if (gauge != nullptr) {
      lag_.Remove(gauge);
      gauge = nullptr;
    }
  }
}

}  // namespace inbox
