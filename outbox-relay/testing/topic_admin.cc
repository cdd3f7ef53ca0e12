#include "outbox-relay/testing/topic_admin.h"

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>

namespace relay {
namespace {

void Die(const std::string& what, const char* why) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), why);
  std::abort();
}

using Client = std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)>;

void KeepError(rd_kafka_t* /*client*/, const rd_kafka_message_t* message, void* /*opaque*/) {
  *static_cast<rd_kafka_resp_err_t*>(message->_private) = message->err;
}

Client MakeClient(const kafka::Settings& settings, const std::string& what) {
  static constexpr std::pair<std::string_view, std::string_view> kAsIs[] = {
      {"enable.idempotence", "false"},
      {"compression.type", "none"},
      {"message.max.bytes", "100000000"}};
  auto conf = kafka::MakeConf(settings, {}, kAsIs);
  if (!conf.ok()) Die(what, std::string(conf.status().message()).c_str());
  rd_kafka_conf_set_dr_msg_cb(conf->get(), &KeepError);
  char why[512] = "";
  Client client(rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), why, sizeof why), &rd_kafka_destroy);
  if (client == nullptr) Die(what, why);
  conf->release();  // the client owns it now
  return client;
}

int CountPartitions(rd_kafka_t* client, const std::string& topic) {
  const std::unique_ptr<rd_kafka_topic_t, decltype(&rd_kafka_topic_destroy)> handle(
      rd_kafka_topic_new(client, topic.c_str(), nullptr), &rd_kafka_topic_destroy);
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(client, /*all_topics=*/0, handle.get(), &metadata, 30'000);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) Die(topic, rd_kafka_err2str(error));
  const int partitions = metadata->topics[0].partition_cnt;
  rd_kafka_metadata_destroy(metadata);
  return partitions;
}

// Whether the partition takes a record whose batch has about this size.
bool Takes(rd_kafka_t* client, const std::string& topic, int partition, int bytes) {
  const std::string payload(static_cast<size_t>(bytes), 'x');
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__IN_PROGRESS;
  const rd_kafka_resp_err_t queued = rd_kafka_producev(
      client, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
      RD_KAFKA_V_KEY(kProbeKey, sizeof kProbeKey - 1),
      RD_KAFKA_V_VALUE(const_cast<char*>(payload.data()), payload.size()),
      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(&error), RD_KAFKA_V_END);
  if (queued != RD_KAFKA_RESP_ERR_NO_ERROR) Die(topic, rd_kafka_err2str(queued));
  rd_kafka_flush(client, 30'000);
  if (error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) return false;
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) Die("probing " + topic, rd_kafka_err2str(error));
  return true;
}

// Sends one admin request and waits for its answer.
void Request(const kafka::Settings& settings, const std::string& what,
             const std::function<void(rd_kafka_t*, rd_kafka_queue_t*)>& send) {
  const Client client = MakeClient(settings, what);
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

void SetMaxMessageBytes(const kafka::Settings& settings, const std::string& topic, int bytes) {
  Request(settings, "alter " + topic, [&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
    rd_kafka_ConfigResource_t* resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
    rd_kafka_ConfigResource_set_config(resource, "max.message.bytes",
                                       std::to_string(bytes).c_str());
    rd_kafka_AlterConfigs(client, &resource, 1, nullptr, queue);
    rd_kafka_ConfigResource_destroy(resource);
  });
  constexpr int kOverhead = 500;  // more than batch and record have around key and value
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  const Client client = MakeClient(settings, "probe " + topic);
  const int partitions = CountPartitions(client.get(), topic);
  for (int partition = 0; partition < partitions;) {
    if (!Takes(client.get(), topic, partition, bytes) &&
        Takes(client.get(), topic, partition, bytes - kOverhead)) {
      ++partition;
      continue;
    }
    if (std::chrono::steady_clock::now() > deadline) Die(topic, "the limit is never applied");
  }
}

void DeleteTopic(const kafka::Settings& settings, const std::string& topic) {
  Request(settings, "delete " + topic, [&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
    rd_kafka_DeleteTopic_t* gone = rd_kafka_DeleteTopic_new(topic.c_str());
    rd_kafka_DeleteTopics(client, &gone, 1, nullptr, queue);
    rd_kafka_DeleteTopic_destroy(gone);
  });
  // The broker may take records for a moment more, and they go with the topic.
  const Client client = MakeClient(settings, "deleted " + topic);
  int64_t low = 0, high = 0;
  while (rd_kafka_query_watermark_offsets(client.get(), topic.c_str(), 0, &low, &high, 1'000) ==
         RD_KAFKA_RESP_ERR_NO_ERROR) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

void WriteRecords(const kafka::Settings& settings, const std::string& topic, const std::string& key,
                  const std::optional<std::string>& value, int count) {
  const Client client = MakeClient(settings, "write to " + topic);
  char* const bytes = value ? const_cast<char*>(value->data()) : nullptr;
  const size_t size = value ? value->size() : 0;
  std::vector<rd_kafka_resp_err_t> errors(count, RD_KAFKA_RESP_ERR__IN_PROGRESS);
  for (rd_kafka_resp_err_t& error : errors) {
    const rd_kafka_resp_err_t queued = rd_kafka_producev(
        client.get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(0),
        RD_KAFKA_V_KEY(key.data(), key.size()), RD_KAFKA_V_VALUE(bytes, size),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(&error), RD_KAFKA_V_END);
    if (queued != RD_KAFKA_RESP_ERR_NO_ERROR) Die(topic, rd_kafka_err2str(queued));
  }
  rd_kafka_flush(client.get(), 30'000);
  for (const rd_kafka_resp_err_t error : errors) {
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) Die("writing to " + topic, rd_kafka_err2str(error));
  }
}

}  // namespace relay
