// A Kafka consumer that is told what to read, and knows where that ends.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HISTORY_TOPIC_READER_H_
#define ORDER_SAGA_OUTBOX_RELAY_HISTORY_TOPIC_READER_H_

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "libs/kafka/config.h"

namespace relay {

using TopicReader = std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)>;

// Aborted records and open transactions: a reader of committed records does not see them, and is
// told (rd_kafka_query_watermark_offsets) that a partition ends where a transaction is open.
enum class Records { kAll, kCommitted };

// Connects in the background; to be assigned partitions. Tells a partition's end
// (RD_KAFKA_RESP_ERR__PARTITION_EOF), commits nothing, makes no topic. InvalidArgument names a
// wrong Kafka property.
absl::StatusOr<TopicReader> MakeTopicReader(const kafka::Settings& kafka, std::string_view group,
                                            Records records);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HISTORY_TOPIC_READER_H_
