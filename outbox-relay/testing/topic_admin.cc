#include "outbox-relay/testing/topic_admin.h"

#include <librdkafka/rdkafka.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>

namespace relay {
namespace {

void Die(const std::string& what, const char* why) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), why);
  std::abort();
}

// Sends one admin request and waits for its answer.
void Request(const kafka::Settings& settings, const std::string& what,
             const std::function<void(rd_kafka_t*, rd_kafka_queue_t*)>& send) {
  auto conf = kafka::MakeConf(settings, {}, {});
  if (!conf.ok()) Die(what, std::string(conf.status().message()).c_str());
  char why[512] = "";
  const std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)> client(
      rd_kafka_new(RD_KAFKA_PRODUCER, conf->release(), why, sizeof why), &rd_kafka_destroy);
  if (client == nullptr) Die(what, why);
  const std::unique_ptr<rd_kafka_queue_t, decltype(&rd_kafka_queue_destroy)> queue(
      rd_kafka_queue_new(client.get()), &rd_kafka_queue_destroy);
  send(client.get(), queue.get());
  const std::unique_ptr<rd_kafka_event_t, decltype(&rd_kafka_event_destroy)> event(
      rd_kafka_queue_poll(queue.get(), 30'000), &rd_kafka_event_destroy);
  if (event == nullptr) Die(what, "no answer");
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    Die(what, rd_kafka_event_error_string(event.get()));
  }
}

}  // namespace

void SetTopicProperty(const kafka::Settings& settings, const std::string& topic,
                      const std::string& name, const std::string& value) {
  Request(settings, "alter " + topic, [&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
    rd_kafka_ConfigResource_t* resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
    rd_kafka_ConfigResource_set_config(resource, name.c_str(), value.c_str());
    rd_kafka_AlterConfigs(client, &resource, 1, nullptr, queue);
    rd_kafka_ConfigResource_destroy(resource);
  });
}

void DeleteTopic(const kafka::Settings& settings, const std::string& topic) {
  Request(settings, "delete " + topic, [&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
    rd_kafka_DeleteTopic_t* gone = rd_kafka_DeleteTopic_new(topic.c_str());
    rd_kafka_DeleteTopics(client, &gone, 1, nullptr, queue);
    rd_kafka_DeleteTopic_destroy(gone);
  });
}

}  // namespace relay
