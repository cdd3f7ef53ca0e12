#include "outbox-relay/sink/topic_metadata.h"

#include "absl/strings/str_cat.h"

namespace relay {

absl::StatusOr<TopicMetadata> ReadTopicMetadata(rd_kafka_t* client, rd_kafka_topic_t* topic,
                                                std::chrono::milliseconds timeout) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error = rd_kafka_metadata(client, /*all_topics=*/0, topic, &metadata,
                                                      static_cast<int>(timeout.count()));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return absl::UnavailableError(
        absl::StrCat("no Kafka broker answers: ", rd_kafka_err2str(error)));
  }
  TopicMetadata read;
  if (metadata->topic_cnt == 1) {
    const rd_kafka_metadata_topic_t& answer = metadata->topics[0];
    read.error = answer.err;
    read.partitions = answer.partition_cnt;
    for (int i = 0; i < answer.partition_cnt; ++i) {
      if (answer.partitions[i].leader < 0) read.leaderless.push_back(answer.partitions[i].id);
    }
  }
  rd_kafka_metadata_destroy(metadata);
  return read;
}

}  // namespace relay
