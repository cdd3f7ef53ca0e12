#include "outbox-relay/sink/delivery_report.h"

#include <librdkafka/rdkafka.h>

#include <cstddef>
#include <utility>

namespace relay {

std::string_view EventIdOf(const rd_kafka_message_s* message) {
  rd_kafka_headers_t* headers = nullptr;
  const void* id = nullptr;
  size_t size = 0;
  if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
      rd_kafka_header_get_last(headers, "id", &id, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return {};
  }
  return {static_cast<const char*>(id), size};
}

bool IsPurged(const rd_kafka_message_s* message) {
  return message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
         message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

PublishFailure FailureOf(rd_kafka_s* client, const rd_kafka_message_s* message, bool alone) {
  char why[512] = "";
  rd_kafka_fatal_error(client, why, sizeof why);
  PublishFailure failure =
      MakePublishFailure(message->err, why, EventIdOf(message), rd_kafka_topic_name(message->rkt));
  failure.alone = alone;
  return WithKey(std::move(failure), message);
}

PublishFailure WithKey(PublishFailure failure, const rd_kafka_message_s* message) {
  if (message->key != nullptr) {
    failure.key.emplace(static_cast<const char*>(message->key), message->key_len);
  }
  return failure;
}

}  // namespace relay
