#include "libs/topics/topics.h"

namespace topics {

std::vector<std::string_view> ConsumedBy(std::string_view service) {
  std::vector<std::string_view> names;
  for (const Topic& topic : kAll) {
    if (topic.consumer == service) names.push_back(topic.name);
  }
  return names;
}

std::string DeadLetterTopic(std::string_view topic) { return std::string(topic) + "-dlt"; }

std::string WithPrefix(std::string_view prefix, std::string_view topic) {
  return std::string(prefix) + std::string(topic);
}

std::vector<kafka::TopicSpec> ToCreateFor(std::string_view service, std::string_view prefix,
                                          int replication_factor) {
  std::vector<kafka::TopicSpec> specs;
  for (const std::string_view topic : ConsumedBy(service)) {
    const std::string name = WithPrefix(prefix, topic);
    specs.push_back({.name = name,
                     .partitions = kPartitions,
                     .replication_factor = replication_factor,
                     .retention = kRetention});
    specs.push_back({.name = DeadLetterTopic(name),
                     .partitions = kPartitions,
                     .replication_factor = replication_factor,
                     .retention = kDeadLetterRetention});
  }
  return specs;
}

}  // namespace topics
