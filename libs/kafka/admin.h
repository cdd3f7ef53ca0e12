// Topics: made if they are missing, never changed.
#ifndef ORDER_SAGA_LIBS_KAFKA_ADMIN_H_
#define ORDER_SAGA_LIBS_KAFKA_ADMIN_H_

#include <chrono>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "libs/kafka/config.h"

namespace kafka {

struct TopicSpec {
  std::string name;
  int partitions = 12;
  int replication_factor = 1;
  // How long messages are kept; 0: the broker's default.
  std::chrono::milliseconds retention{0};
  // Further topic configuration, e.g. {"cleanup.policy", "compact"}.
  std::vector<Property> config;
};

// Makes the topics that are missing and waits until each partition has a leader, so that a produce
// right after it works. Idempotent, and safe when several programs do it at once. A topic that
// exists keeps its configuration; one with another number of partitions is logged as a warning
// (counts are fixed: a command could be overtaken by its cancel).
// UNAVAILABLE or DEADLINE_EXCEEDED: no broker answered in time; try again. Any other error names
// the topic and needs a person.
absl::Status EnsureTopics(const Settings& settings, std::span<const TopicSpec> topics,
                          std::chrono::milliseconds timeout = std::chrono::seconds(10));

// The same, tried again with backoff (250 ms to 5 s) until it works; logs what it waits for.
// CANCELLED after a stop request.
absl::Status AwaitTopics(const Settings& settings, std::span<const TopicSpec> topics,
                         std::stop_token stop);

}  // namespace kafka

#endif  // ORDER_SAGA_LIBS_KAFKA_ADMIN_H_
