// The record's copy in Kafka: a compacted topic with one partition, key = the source's name.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HISTORY_STATE_TOPIC_H_
#define ORDER_SAGA_OUTBOX_RELAY_HISTORY_STATE_TOPIC_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/kafka/config.h"
#include "outbox-relay/history/record.h"
#include "outbox-relay/history/watermark.h"

struct rd_kafka_topic_s;

namespace relay {

inline constexpr char kDefaultStateTopic[] = "outbox-relay-state";

struct StateTopicOptions {
  kafka::Settings kafka;
  std::string topic = kDefaultStateTopic;
  std::string source;  // the key
};

// The newest record, or none. Connects anew; waits at most `timeout`. Unavailable: no broker
// answered. Other errors need a person.
absl::StatusOr<std::optional<HistoryRecord>> ReadStateTopic(const StateTopicOptions& options,
                                                            std::chrono::milliseconds timeout);

// The newest committed watermark of the source, or none. Whoever wrote the last one must be shut
// out (Transaction::ShutOutOthers), else it may not be the last for long. Waits for the end of
// transactions that other sources have open in the topic. Errors as above.
absl::StatusOr<std::optional<Watermark>> ReadWatermark(const StateTopicOptions& options,
                                                       std::chrono::milliseconds timeout);

// Used by one thread.
class StateTopicWriter {
 public:
  // Connects in the background.
  static absl::StatusOr<std::unique_ptr<StateTopicWriter>> Create(const StateTopicOptions& options);
  ~StateTopicWriter();
  StateTopicWriter(const StateTopicWriter&) = delete;
  StateTopicWriter& operator=(const StateTopicWriter&) = delete;

  // Sends without waiting; what Kafka does not take within seconds is dropped, a newer one follows.
  void Write(const HistoryRecord& record);
  // Waits, at most `timeout`, until what was written is at Kafka.
  void Flush(std::chrono::milliseconds timeout);

 private:
  StateTopicWriter() = default;
  std::string source_;
  rd_kafka_s* client_ = nullptr;
  rd_kafka_topic_s* topic_ = nullptr;
};

// Makes the topic if it is missing; waits at most `timeout`.
absl::Status EnsureStateTopic(const StateTopicOptions& options, std::chrono::milliseconds timeout);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HISTORY_STATE_TOPIC_H_
