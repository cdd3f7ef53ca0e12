// A member of a consumer group, for the Kafka door.
//
// At least once: the offset of a message is committed only after StoreOffsets, in the background
// once a second, when partitions are taken away, and at the end. The door's own database
// transaction is the truth; what comes again is dropped by the inbox.
//
// A partition that is fetched no more although messages lie there (librdkafka can lose one when a
// broker was away) is noticed after 10 s, and the next Poll joins the group anew, with a warning.
//
// One thread calls Poll, StillOurs, StoreOffsets, CommitSync and Close; Wakeup, Lag and
// assignment_size may be called from any thread.
//
//   while (!stop) {
//     auto batch = consumer->Poll(seconds(1), limits);    // blocks; no polling
//     while (!Apply(*batch).ok()) {                       // the database is down: keep the batch
//       Backoff(); if (!consumer->StillOurs()) break;     // the group goes on without waiting for
//       us
//     }
//     consumer->StoreOffsets(*batch);
//   }
#ifndef ORDER_SAGA_LIBS_KAFKA_CONSUMER_H_
#define ORDER_SAGA_LIBS_KAFKA_CONSUMER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/kafka/config.h"
#include "libs/kafka/message.h"

namespace kafka {

struct TopicPartition {
  std::string topic;
  std::int32_t partition = 0;
};

struct ConsumerOptions {
  Settings settings;
  std::string group;
  // Missing topics are waited for, and named in a warning.
  std::vector<std::string> topics;

  // Called inside Poll, StillOurs or Close, on their thread. May be empty.
  using OnPartitions = std::function<void(std::span<const TopicPartition>)>;
  OnPartitions on_assign;
  // The partitions go to another member once this returns: finish or roll back what is in flight.
  // What was stored is committed right after.
  OnPartitions on_revoke;
  // They are gone already: roll back. Nothing is committed.
  OnPartitions on_lost;
};

struct PollLimits {
  std::size_t max_messages = 500;
  // Reached, not overstepped by more than one message.
  std::size_t max_bytes = 4 << 20;
};

class Consumer {
 public:
  struct PartitionLag {
    TopicPartition partition;
    // Messages at the broker that are not stored yet. Not known while the broker does not answer.
    std::optional<std::int64_t> messages;
  };

  // Joins in the background: brokers that are down are logged and waited for.
  // INVALID_ARGUMENT names a wrong property.
  static absl::StatusOr<std::unique_ptr<Consumer>> Create(ConsumerOptions options);
  ~Consumer();  // Close(5 s) unless closed.
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // Waits up to `timeout` for a message, then takes what is there already, within the limits.
  // Empty after the timeout or a Wakeup. Messages of partitions that were taken away while they
  // were collected are not handed out. Every Message of an earlier Poll must be gone. An error is
  // fatal: this consumer is done; exit.
  absl::StatusOr<std::vector<Message>> Poll(std::chrono::milliseconds timeout,
                                            const PollLimits& limits = {});

  // To be called at least every few seconds while a batch is kept for a retry: takes part in the
  // group (another member's joining waits for us) without taking messages. False: partitions were
  // taken away since that batch's Poll, so drop the batch and Poll.
  bool StillOurs();

  // Marks every message of the batch as done. Messages of a partition that is no longer ours are
  // left out: its next owner gets them again.
  void StoreOffsets(std::span<const Message> batch);

  // Commits what is stored and waits for the broker's answer, at most 3 s.
  absl::Status CommitSync();

  // Ends a waiting Poll, or else the next one, at once.
  void Wakeup();

  // For each partition that is ours. Cheap: the ends are asked for in the
  // background, every two seconds and after an assignment.
  std::vector<PartitionLag> Lag() const;

  // How many partitions are ours; 0 until the group has joined.
  std::size_t assignment_size() const;

  // Every Message must be gone before. Commits what is stored, leaves the group. DEADLINE_EXCEEDED:
  // the group was not left in order; its other members notice after the session timeout.
  absl::Status Close(std::chrono::milliseconds timeout);

  struct Impl;  // consumer_impl.h, for this library only

 private:
  friend struct ConsumerPeer;  // of tests
  explicit Consumer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kafka

#endif  // ORDER_SAGA_LIBS_KAFKA_CONSUMER_H_
