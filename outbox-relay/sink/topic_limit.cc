#include "outbox-relay/sink/topic_limit.h"

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>

#include "absl/strings/numbers.h"

namespace relay {
namespace {

constexpr size_t kUsualLimit = 1'048'588;

}  // namespace

size_t ReadTopicLimit(rd_kafka_s* client, std::string_view topic,
                      std::chrono::milliseconds timeout) {
  using Queue = std::unique_ptr<rd_kafka_queue_t, decltype(&rd_kafka_queue_destroy)>;
  using AnswerEvent = std::unique_ptr<rd_kafka_event_t, decltype(&rd_kafka_event_destroy)>;
  rd_kafka_ConfigResource_t* resource =
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, std::string(topic).c_str());
  const Queue queue(rd_kafka_queue_new(client), &rd_kafka_queue_destroy);
  rd_kafka_DescribeConfigs(client, &resource, 1, nullptr, queue.get());
  rd_kafka_ConfigResource_destroy(resource);
  const AnswerEvent event(rd_kafka_queue_poll(queue.get(), static_cast<int>(timeout.count())),
                          &rd_kafka_event_destroy);
  if (event == nullptr || rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return kUsualLimit;
  }
  size_t resources = 0, entries = 0, limit = 0;
  const rd_kafka_ConfigResource_t** const answers = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(event.get()), &resources);
  if (resources != 1) return kUsualLimit;
  const rd_kafka_ConfigEntry_t** const configs =
      rd_kafka_ConfigResource_configs(answers[0], &entries);
  for (size_t i = 0; i < entries; ++i) {
    const char* const value = rd_kafka_ConfigEntry_value(configs[i]);
    if (std::string_view(rd_kafka_ConfigEntry_name(configs[i])) == "max.message.bytes" &&
        value != nullptr && absl::SimpleAtoi(value, &limit)) {
      return limit;
    }
  }
  return kUsualLimit;
}

}  // namespace relay
