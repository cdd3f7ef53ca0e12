// How far each Kafka partition is known to be written by this source.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HISTORY_ACKED_OFFSETS_H_
#define ORDER_SAGA_OUTBOX_RELAY_HISTORY_ACKED_OFFSETS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace relay {

// Topic → partition → the offset behind the last acknowledged event. What is missing: unknown.
using TopicOffsets = std::map<std::string, std::map<int32_t, int64_t>, std::less<>>;

// Thread-safe: the stream's thread notes, the watch's thread reads.
class AckedOffsets {
 public:
  // An event at `offset` was acknowledged.
  void Note(std::string_view topic, int32_t partition, int64_t offset) {
    absl::MutexLock lock(&mutex_);
    ++events_;
    Raise(topic, partition, offset + 1);
  }

  // What another relay, or this one in an earlier life, had noted.
  void Merge(const TopicOffsets& offsets) {
    absl::MutexLock lock(&mutex_);
    for (const auto& [topic, partitions] : offsets) {
      for (const auto& [partition, behind] : partitions) Raise(topic, partition, behind);
    }
  }

  // Never changed once it is given out; a new one only if something was noted.
  std::shared_ptr<const TopicOffsets> Snapshot() {
    absl::MutexLock lock(&mutex_);
    if (snapshot_ == nullptr) snapshot_ = std::make_shared<const TopicOffsets>(offsets_);
    return snapshot_;
  }

  // Grows with the acknowledged events: unchanged means that nothing came.
  uint64_t notes() const {
    absl::MutexLock lock(&mutex_);
    return events_;
  }

 private:
  void Raise(std::string_view topic, int32_t partition, int64_t behind)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    auto found = offsets_.find(topic);
    if (found == offsets_.end()) found = offsets_.try_emplace(std::string(topic)).first;
    int64_t& known = found->second[partition];
    if (behind <= known) return;
    known = behind;
    snapshot_ = nullptr;
  }

  mutable absl::Mutex mutex_;
  TopicOffsets offsets_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const TopicOffsets> snapshot_ ABSL_GUARDED_BY(mutex_);
  uint64_t events_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HISTORY_ACKED_OFFSETS_H_
