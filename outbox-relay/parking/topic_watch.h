// What is known of topics that take no events: one that the stream waits for, and those for which
// keys are parked. Missing: it does not exist. Hidden: it may, but not for us. There: it takes
// events.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PARKING_TOPIC_WATCH_H_
#define ORDER_SAGA_OUTBOX_RELAY_PARKING_TOPIC_WATCH_H_

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"

namespace relay {

// Pure: told what the brokers answer, and the time. Not thread-safe.
class TopicWatch {
 public:
  using Clock = std::chrono::steady_clock;

  // The stream's next event is for a topic that is missing: for how long it has waited by now.
  Clock::duration OnAwaited(std::string_view topic, Clock::time_point now);
  // Whether that is long enough, where a topic is given `patience`. Once one is known to be missing
  // the others get a second at most: each would hold the stream up anew.
  bool LongEnough(Clock::duration waited, Clock::duration patience) const;
  // The topic is there, or its event is parked.
  void EndAwait() { awaited_.clear(); }

  // Topics to ask for, one after the other: a look begins once the last one has ended.
  bool looking() const { return !to_ask_.empty(); }
  void BeginLook(std::vector<std::string> in_doubt);
  std::string NextToAsk();  // only while looking()
  // No broker answers: the others would only be waited for, too.
  void EndLook() { to_ask_.clear(); }

  // The answers, of a look or of who parks.
  void OnMissing(const std::string& topic) { missing_.insert(topic); }
  void OnHidden(const std::string& topic) { hidden_.insert(topic); }
  // Answers whether it was missing or hidden until now.
  bool OnThere(const std::string& topic);

  // For which keys are parked.
  size_t missing() const { return missing_.size(); }

  // The relay lets the source go.
  void Clear() { *this = TopicWatch(); }

 private:
  std::string awaited_;  // empty: none
  Clock::time_point awaited_since_;
  std::vector<std::string> to_ask_;
  absl::flat_hash_set<std::string> missing_, hidden_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_PARKING_TOPIC_WATCH_H_
