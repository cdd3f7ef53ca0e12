// A producer's first record for a partition goes alone.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SINK_INTRODUCTIONS_H_
#define ORDER_SAGA_OUTBOX_RELAY_SINK_INTRODUCTIONS_H_

#include <chrono>
#include <cstdint>
#include <vector>

namespace relay {

// A broker that has not seen a producer on a partition takes whatever sequence number comes first
// (KIP-360). If then the first of several requests in flight fails for a moment (a leader that has
// just moved) and the second is taken, the first comes again with a lower number, is called a
// duplicate, and the producer is told that it is durable: it is lost, acks=all and idempotence or
// not (seen on Kafka 4.1.2 with librdkafka 2.0.2, once in a hundred new topics). So nothing follows
// a partition's first record until that is acknowledged. The partitions of one topic and one
// producer; not thread-safe.
class Introductions {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Another number of partitions may be those of another topic.
  void SetPartitions(int32_t count) {
    if (count == partitions()) return;
    Estrange();
    partitions_.resize(static_cast<size_t>(count));
  }
  // The topic was gone, and who makes it anew makes another one: all are strangers. Those that are
  // being met have to answer first.
  void Estrange() {
    for (Partition& one : partitions_) {
      one.state = Meeting(one) ? State::kMeetingInVain : State::kStranger;
    }
  }
  int32_t partitions() const { return static_cast<int32_t>(partitions_.size()); }

  // Whether a record may go to the partition now. If not: after the next acknowledgement.
  bool MaySend(int32_t partition) const {
    const Partition& one = partitions_[static_cast<size_t>(partition)];
    return !Meeting(one);
  }
  // Answers whether that was an introduction, to be ended by OnAcknowledged.
  bool OnSent(int32_t partition, Time now) {
    Partition& one = partitions_[static_cast<size_t>(partition)];
    // Brokers forget producers: after a day by default (producer.id.expiration.ms).
    const bool stranger = one.state == State::kStranger || now - one.last_sent > kForgotten;
    one.last_sent = now;
    if (stranger) one.state = State::kMeeting;
    return stranger;
  }
  // Answers whether that ended an introduction.
  bool OnAcknowledged(int32_t partition) {
    if (partition < 0 || partition >= partitions()) return false;
    Partition& one = partitions_[static_cast<size_t>(partition)];
    if (!Meeting(one)) return false;
    one.state = one.state == State::kMeeting ? State::kKnown : State::kStranger;
    return true;
  }

 private:
  // In vain: who answers is no more.
  enum class State : uint8_t { kStranger, kMeeting, kMeetingInVain, kKnown };
  struct Partition {
    State state = State::kStranger;
    Time last_sent;
  };
  static constexpr std::chrono::hours kForgotten{1};
  static bool Meeting(const Partition& one) {
    return one.state == State::kMeeting || one.state == State::kMeetingInVain;
  }

  std::vector<Partition> partitions_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SINK_INTRODUCTIONS_H_
