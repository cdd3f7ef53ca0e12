// The inside of Consumer: what librdkafka's callbacks and the consumer's own calls share.
#ifndef ORDER_SAGA_LIBS_KAFKA_CONSUMER_IMPL_H_
#define ORDER_SAGA_LIBS_KAFKA_CONSUMER_IMPL_H_

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <vector>

#include "libs/kafka/consumer.h"

namespace kafka {

struct Consumer::Impl {
  using Clock = std::chrono::steady_clock;
  enum class CommitMode { kSync, kAsync };

  static constexpr std::int64_t kUnknown = -1;

  struct Owned {
    TopicPartition partition;
    std::int64_t next = kUnknown;       // the offset behind the last stored message
    std::int64_t committed = kUnknown;  // what was sent to the broker of that
    std::int64_t start = kUnknown;      // the group's committed offset, asked for by Lag
  };

  explicit Impl(ConsumerOptions options) : options(std::move(options)) {}
  ~Impl();

  absl::Status Open(Conf conf);
  absl::Status Close(std::chrono::milliseconds timeout);

  // Serves callbacks and takes at most one message into `collected`: true if it did.
  absl::StatusOr<bool> Take(std::chrono::milliseconds wait);
  // OK if the consumer goes on.
  absl::Status HandleError(const rd_kafka_message_t& error);
  absl::Status FatalError() const;

  // Each at most once in a row: librdkafka repeats messages when an active partition is resumed.
  void Pause();
  void Resume();

  absl::Status Commit(CommitMode mode);
  // Once a second, if something was stored since.
  void CommitWhenDue();
  // How long to wait for a message: to the deadline, or to the next commit.
  std::chrono::milliseconds UntilCommitDue(Clock::time_point deadline);

  // Null if the partition is not ours. Needs the mutex.
  Owned* Find(std::string_view topic, std::int32_t partition);

  void OnAssign(rd_kafka_topic_partition_list_t* partitions);
  void OnTakenAway(rd_kafka_topic_partition_list_t* partitions);

  const ConsumerOptions options;
  rd_kafka_t* client = nullptr;
  rd_kafka_queue_t* queue = nullptr;
  std::atomic<bool> woken = false;

  // Of the polling thread.
  std::vector<Message> collected;  // taken from librdkafka, not handed out yet
  bool paused = false;
  bool taken_away = false;  // since the last Poll
  Clock::time_point last_commit = Clock::now();

  mutable std::mutex lag_mutex;  // held by Lag throughout, so that Close waits for it; taken first
  mutable std::mutex mutex;      // short
  std::vector<Owned> owned;      // guarded by mutex
};

}  // namespace kafka

#endif  // ORDER_SAGA_LIBS_KAFKA_CONSUMER_IMPL_H_
