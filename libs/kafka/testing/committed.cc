#include "libs/kafka/testing/committed.h"

#include <librdkafka/rdkafka.h>

#include "libs/telemetry/check.h"

namespace kafka {

std::int64_t CommittedOffset(const std::string& brokers, const std::string& group,
                             const std::string& topic, std::int32_t partition) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), nullptr, 0);
  rd_kafka_conf_set(conf, "group.id", group.c_str(), nullptr, 0);
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
  ORDER_SAGA_CHECK(client != nullptr, "rd_kafka_new");
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic.c_str(), partition);
  const rd_kafka_resp_err_t error = rd_kafka_committed(client, list, 10'000);
  ORDER_SAGA_CHECK(error == RD_KAFKA_RESP_ERR_NO_ERROR, "rd_kafka_committed");
  const std::int64_t offset = list->elems[0].offset;
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_destroy(client);
  return offset < 0 ? -1 : offset;
}

}  // namespace kafka
