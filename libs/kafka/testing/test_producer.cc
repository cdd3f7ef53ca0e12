#include "libs/kafka/testing/test_producer.h"

#include <librdkafka/rdkafka.h>

#include "absl/strings/str_cat.h"
#include "libs/kafka/config.h"
#include "libs/telemetry/check.h"

namespace kafka {
namespace {

constexpr int kTimeoutMs = 30'000;

void Check(rd_kafka_error_t* error) {
  ORDER_SAGA_CHECK(error == nullptr, "a call of the transactional API");
}

}  // namespace

TestProducer::TestProducer(const std::string& brokers, const std::string& transactional_id) {
  // One request in flight: a new producer's later batches could else hide its first
  // (outbox-relay/sink/introductions.h).
  std::vector<std::pair<std::string_view, std::string_view>> required = {
      {"enable.idempotence", "true"},
      {"partitioner", "murmur2_random"},
      {"linger.ms", "0"},
      {"max.in.flight.requests.per.connection", "1"}};
  if (!transactional_id.empty()) required.emplace_back("transactional.id", transactional_id);
  absl::StatusOr<Conf> conf =
      MakeConf({.brokers = brokers, .client_id = "test-producer"}, {}, required);
  ORDER_SAGA_CHECK(conf.ok(), "the test producer's settings");
  rd_kafka_conf_set_dr_msg_cb(conf->get(), [](rd_kafka_t*, const rd_kafka_message_t* message,
                                              void*) {
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    telemetry::Die(absl::StrCat("a message was not delivered: ", rd_kafka_err2name(message->err)));
  });
  client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf->release(), nullptr, 0);
  ORDER_SAGA_CHECK(client_ != nullptr, "rd_kafka_new");
  if (!transactional_id.empty()) {
    Check(rd_kafka_init_transactions(client_, kTimeoutMs));
  }
}

TestProducer::~TestProducer() { rd_kafka_destroy(client_); }

// librdkafka would find the partitions' leaders by itself, but then waits for the next second's
// tick before it sends.
void TestProducer::Meet(const std::string& topic) {
  if (!met_.insert(topic).second) return;
  rd_kafka_topic_t* handle = rd_kafka_topic_new(client_, topic.c_str(), nullptr);
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(client_, /*all_topics=*/0, handle, &metadata, 10'000);
  ORDER_SAGA_CHECK(error == RD_KAFKA_RESP_ERR_NO_ERROR, "rd_kafka_metadata");
  rd_kafka_metadata_destroy(metadata);
  rd_kafka_topic_destroy(handle);
}

void TestProducer::Produce(const TestMessage& message) {
  Meet(message.topic);
  rd_kafka_headers_t* headers = rd_kafka_headers_new(message.headers.size());
  for (const auto& [name, value] : message.headers) {
    rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  }
  const auto data = [](const std::optional<std::string>& text) {
    return text.has_value() ? const_cast<char*>(text->data()) : nullptr;
  };
  const auto size = [](const std::optional<std::string>& text) {
    return text.has_value() ? text->size() : 0;
  };
  const rd_kafka_resp_err_t error = rd_kafka_producev(
      client_, RD_KAFKA_V_TOPIC(message.topic.c_str()),
      RD_KAFKA_V_PARTITION(message.partition < 0 ? RD_KAFKA_PARTITION_UA : message.partition),
      RD_KAFKA_V_KEY(data(message.key), size(message.key)),
      RD_KAFKA_V_VALUE(data(message.payload), size(message.payload)),
      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
  ORDER_SAGA_CHECK(error == RD_KAFKA_RESP_ERR_NO_ERROR, "rd_kafka_producev");
}

void TestProducer::ProduceInTransaction(const TestMessage& message) {
  Check(rd_kafka_begin_transaction(client_));
  Produce(message);
  Check(rd_kafka_commit_transaction(client_, kTimeoutMs));
}

void TestProducer::Flush() {
  ORDER_SAGA_CHECK(rd_kafka_flush(client_, kTimeoutMs) == RD_KAFKA_RESP_ERR_NO_ERROR,
                   "rd_kafka_flush");
}

}  // namespace kafka
