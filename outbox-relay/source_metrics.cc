#include "outbox-relay/source_metrics.h"

#include "libs/telemetry/metrics.h"

namespace relay {
namespace {

prometheus::Counter& Count(prometheus::Registry& registry, const std::string& name,
                           const std::string& help, const prometheus::Labels& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(labels);
}

prometheus::Gauge& Measure(prometheus::Registry& registry, const std::string& name,
                           const std::string& help, const prometheus::Labels& labels) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add(labels);
}

}  // namespace

SourceMetrics::SourceMetrics(prometheus::Registry& registry, const std::string& source)
    : published_events(Count(registry, "outbox_published_events_total",
                             "Events that Kafka has acknowledged.", {{"source", source}})),
      publish_failures(Count(registry, "outbox_publish_failures_total",
                             "Events that Kafka has refused, once for each time.",
                             {{"source", source}})),
      stream_starts(Count(registry, "outbox_relay_stream_starts_total",
                          "Replication streams started: more than one means reconnects.",
                          {{"source", source}})),
      commit_to_ack(
          prometheus::BuildHistogram()
              .Name("outbox_commit_to_ack_seconds")
              .Help("From an event's commit in Postgres to Kafka's acknowledgement, by both "
                    "machines' clocks.")
              .Register(registry)
              .Add({{"source", source}}, telemetry::LatencyBuckets())),
      last_ack(Measure(registry, "outbox_last_ack_timestamp_seconds",
                       "When Kafka last acknowledged an event, as Unix time.",
                       {{"source", source}})),
      active(Measure(registry, "outbox_relay_active",
                     "1 while this relay streams the source; 0 while it waits or connects.",
                     {{"source", source}})),
      history_changed(Measure(registry, "outbox_relay_history_changed",
                              "1 while the source stands still because its server or its slot is "
                              "not as relays have left it: a person must choose.",
                              {{"source", source}})),
      unpublished_events(Measure(registry, "outbox_unpublished_events",
                                 "Committed outbox rows that are not known to be at Kafka.",
                                 {{"source", source}})),
      oldest_unpublished_age(Measure(registry, "outbox_oldest_unpublished_age_seconds",
                                     "Age of the oldest of them; 0 if there is none.",
                                     {{"source", source}})),
      slot_retained_wal(Measure(registry, "outbox_slot_retained_wal_bytes",
                                "Write-ahead log that Postgres keeps for the slot.",
                                {{"source", source}})),
      parked_keys(Measure(registry, "outbox_parked_keys",
                          "Keys of which Kafka has refused an event: what follows waits for "
                          "`outbox-relay parked release`. 0 where another relay is active.",
                          {{"source", source}})),
      parked_events(Measure(registry, "outbox_parked_events", "Events that wait in outbox_parked.",
                            {{"source", source}})),
      oldest_parked_age(Measure(registry, "outbox_oldest_parked_key_age_seconds",
                                "How long the longest parked key has been so; 0 if there is none.",
                                {{"source", source}})),
      missing_topic_wait(Measure(registry, "outbox_missing_topic_wait_seconds",
                                 "How long the stream has waited for a topic that does not exist; "
                                 "0 if it does not wait.",
                                 {{"source", source}})),
      missing_topics(Measure(registry, "outbox_missing_topics",
                             "Topics that do not exist, and for which keys are parked.",
                             {{"source", source}})),
      parked_topics(Measure(registry, "outbox_parked_topics",
                            "Topics that are parked as a whole, as no more keys may be.",
                            {{"source", source}})) {
  static constexpr const char* kNames[kStages] = {"receive", "decode", "route", "produce",
                                                  "confirm"};
  for (size_t stage = 0; stage < kStages; ++stage) {
    stage_seconds[stage] =
        &Count(registry, "outbox_relay_stage_seconds_total",
               "Time the loop has spent in a stage; one event in 32 is timed for all.",
               {{"source", source}, {"stage", kNames[stage]}});
  }
}

}  // namespace relay
