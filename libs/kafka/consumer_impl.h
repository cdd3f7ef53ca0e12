// The inside of Consumer: what librdkafka's callbacks and the consumer's own calls share.
#ifndef ORDER_SAGA_LIBS_KAFKA_CONSUMER_IMPL_H_
#define ORDER_SAGA_LIBS_KAFKA_CONSUMER_IMPL_H_

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "libs/kafka/consumer.h"
#include "libs/kafka/fetch_stall.h"

namespace kafka {

struct Consumer::Impl {
  using Clock = std::chrono::steady_clock;
  enum class CommitMode { kSync, kAsync };

  static constexpr std::int64_t kUnknown = -1;
  static constexpr std::chrono::seconds kFirstPatience{10};

  struct Owned {
    TopicPartition partition;
    std::int64_t next = kUnknown;       // the offset behind the last stored message
    std::int64_t committed = kUnknown;  // what was sent to the broker of that
    std::int64_t read = kUnknown;       // behind the last message that was handed out
    // The log's end when it was last reached. More than `read` where something lies behind the last
    // message that is none: a transaction's marker.
    std::int64_t reached = kUnknown;
    // What the broker told the watch.
    std::int64_t start = kUnknown;  // the group's committed offset; 0 if there is none
    std::int64_t end = kUnknown;    // of the log
    FetchStall stall;
  };

  explicit Impl(ConsumerOptions options) : options(std::move(options)) {}
  ~Impl();

  absl::Status Open();
  absl::Status Close(std::chrono::milliseconds timeout);
  void Destroy(int flags);  // rd_kafka_destroy_flags's
  // A new client in the same group: what a restart of the program would do.
  absl::Status Restart();

  enum class Taken { kNothing, kMessage, kOther };
  // Serves callbacks and takes at most one message into `collected`.
  absl::StatusOr<Taken> Take(std::chrono::milliseconds wait);
  // OK if the consumer goes on.
  absl::Status HandleError(const rd_kafka_message_t& error);
  void OnEndReached(const rd_kafka_message_t& end);
  absl::Status FatalError() const;

  // While held, what is fetched stays where it is (queued.max.messages.kbytes bounds it), and Take
  // brings the group's events and what was on its way already. Not by rd_kafka_pause_partitions:
  // librdkafka 2.0.2 now and then loses or repeats messages when it resumes.
  void Hold();
  void Release();

  absl::Status Commit(CommitMode mode);
  // Once a second, if something was stored since.
  void CommitWhenDue();
  // How long to wait for a message: to the deadline, or to the next commit.
  std::chrono::milliseconds UntilCommitDue(Clock::time_point deadline);

  // Null if the partition is not ours. Needs the mutex.
  Owned* Find(std::string_view topic, std::int32_t partition);
  // Once for each message, with the offset behind it, if its partition is ours.
  void ForEachOwned(std::span<const Message> batch,
                    absl::FunctionRef<void(Owned& one, std::int64_t behind)> visit);

  void OnAssign(rd_kafka_topic_partition_list_t* partitions);
  void OnTakenAway(rd_kafka_topic_partition_list_t* partitions);

  // consumer_watch.cc: a thread that asks the brokers for the logs' ends every few seconds, for Lag
  // and to see that no partition stands still.
  void Watch(std::stop_token stop);
  void Look();
  // Whether a partition has stood still for too long. Needs the mutex.
  bool Stalled();

  const ConsumerOptions options;
  rd_kafka_t* client = nullptr;
  rd_kafka_queue_t* queue = nullptr;    // set and cleared under the mutex
  rd_kafka_queue_t* fetched = nullptr;  // of all our partitions; flows into `queue` unless held
  std::atomic<bool> woken = false;
  std::atomic<bool> restart_wanted = false;
  std::atomic<Clock::duration> waited = Clock::duration(0);  // for messages, ever

  // Of the polling thread.
  std::vector<Message> collected;  // taken from librdkafka, not handed out yet
  bool held = false;
  bool taken_away = false;  // since the last Poll
  Clock::time_point last_commit = Clock::now();

  mutable std::mutex mutex;  // held for a short time only
  std::vector<Owned> owned;  // guarded by mutex

  Clock::duration patience = kFirstPatience;  // of the watch, with partitions that stand still
  std::mutex watch_mutex;
  std::condition_variable_any watch_wake;
  bool look_now = false;  // guarded by watch_mutex
  std::jthread watch;
};

}  // namespace kafka

#endif  // ORDER_SAGA_LIBS_KAFKA_CONSUMER_IMPL_H_
