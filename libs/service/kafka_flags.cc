#include "libs/service/kafka_flags.h"

namespace service {

void AddKafkaFlags(Flags& flags, Verb& verb, KafkaConfig* config) {
  verb.Add(&config->brokers,
           {.name = "kafka_brokers",
            .help = "Kafka brokers to begin with; the others are learnt from them.",
            .example = "kafka-1:9092,kafka-2:9092",
            .check = IsHostPortList()});
  verb.Add(&config->properties,
           {.name = "kafka_property",
            .help = "A property of librdkafka, for TLS, SASL and tuning. Those that the program's "
                    "promises rest on are refused.",
            .example = "security.protocol=SASL_SSL",
            .check = [](std::string_view text) { return kafka::ParseProperty(text).status(); }});
  flags.AddCheck(verb, [config] { return kafka::CheckSettings(ToSettings(*config, "check")); });
}

kafka::Settings ToSettings(const KafkaConfig& config, const std::string& client_id) {
  kafka::Settings settings{.brokers = config.brokers, .client_id = client_id};
  for (const std::string& text : config.properties) {
    absl::StatusOr<kafka::Property> property = kafka::ParseProperty(text);
    if (property.ok()) settings.properties.push_back(*std::move(property));
  }
  return settings;
}

}  // namespace service
