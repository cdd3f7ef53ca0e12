// The flags that every program has which talks to Kafka.
#ifndef ORDER_SAGA_LIBS_SERVICE_KAFKA_FLAGS_H_
#define ORDER_SAGA_LIBS_SERVICE_KAFKA_FLAGS_H_

#include <string>
#include <vector>

#include "libs/kafka/config.h"
#include "libs/service/flags.h"

namespace service {

struct KafkaConfig {
  std::string brokers = "127.0.0.1:21092";
  // "NAME=VALUE", librdkafka's properties.
  std::vector<std::string> properties;
};

// --kafka_brokers and --kafka_property, with the checks of kafka::CheckSettings.
void AddKafkaFlags(Flags& flags, Verb& verb, KafkaConfig* config);

// After the parse.
kafka::Settings ToSettings(const KafkaConfig& config, const std::string& client_id);

}  // namespace service

#endif  // ORDER_SAGA_LIBS_SERVICE_KAFKA_FLAGS_H_
