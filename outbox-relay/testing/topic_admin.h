// For tests only: what people do to topics while a relay runs.
#ifndef ORDER_SAGA_OUTBOX_RELAY_TESTING_TOPIC_ADMIN_H_
#define ORDER_SAGA_OUTBOX_RELAY_TESTING_TOPIC_ADMIN_H_

#include <optional>
#include <string>

#include "libs/kafka/config.h"

namespace relay {

// The key of the records by which SetMaxMessageBytes tries out a limit. They stay in the topic;
// RelayFixture::Read passes over them.
inline constexpr char kProbeKey[] = "probe of topic_admin";

// Each waits for the broker's answer, and aborts the test program if it is no.

// Sets the topic's max.message.bytes (more than 1,000) and waits until every partition goes by it:
// a broker answers first and applies it a moment later.
void SetMaxMessageBytes(const kafka::Settings& settings, const std::string& topic, int bytes);
void DeleteTopic(const kafka::Settings& settings, const std::string& topic);
// Into partition 0; no value: a tombstone.
void WriteRecords(const kafka::Settings& settings, const std::string& topic, const std::string& key,
                  const std::optional<std::string>& value, int count = 1);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_TESTING_TOPIC_ADMIN_H_
