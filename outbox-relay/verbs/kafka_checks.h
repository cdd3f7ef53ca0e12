// What `doctor` asks Kafka. It writes nothing.
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_KAFKA_CHECKS_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_KAFKA_CHECKS_H_

#include <chrono>
#include <string>
#include <vector>

#include "libs/kafka/config.h"
#include "outbox-relay/verbs/postgres_checks.h"
#include "outbox-relay/verbs/symptom.h"

namespace relay {

// What one topic is like.
struct TopicState {
  std::string name;
  int partitions = 0;
  int partitions_without_leader = 0;
  int fewest_replicas = 0;
  int fewest_in_sync = 0;
  int min_in_sync = 1;        // min.insync.replicas
  int64_t largest_bytes = 0;  // max.message.bytes
  bool unclean_election = false;
  bool configuration_known = false;
};

// What that means for acks=all and for events of `largest_event_bytes`. Pure.
void JudgeTopic(const TopicState& topic, int64_t largest_event_bytes, Symptoms& symptoms);

// Brokers, and every topic in use. Takes at most about `timeout`.
Symptoms CheckKafka(const kafka::Settings& settings, const std::vector<TopicInUse>& topics,
                    std::chrono::milliseconds timeout);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_KAFKA_CHECKS_H_
