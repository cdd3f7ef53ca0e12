// For tests only: what people do to topics while a relay runs.
#ifndef ORDER_SAGA_OUTBOX_RELAY_TESTING_TOPIC_ADMIN_H_
#define ORDER_SAGA_OUTBOX_RELAY_TESTING_TOPIC_ADMIN_H_

#include <string>

#include "libs/kafka/config.h"

namespace relay {

// Each waits for the broker's answer, and aborts the test program if it is no.
void SetTopicProperty(const kafka::Settings& settings, const std::string& topic,
                      const std::string& name, const std::string& value);
void DeleteTopic(const kafka::Settings& settings, const std::string& topic);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_TESTING_TOPIC_ADMIN_H_
