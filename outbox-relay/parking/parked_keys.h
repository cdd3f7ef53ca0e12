// Which events may not be published, because one before them of the same key could not be: pure
// decisions, event by event.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKED_KEYS_H_
#define ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKED_KEYS_H_

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "outbox-relay/parking/scope_name.h"
#include "outbox-relay/sink/publish_failure.h"
#include "outbox-relay/source/event.h"
#include "outbox-relay/source/lsn.h"

namespace relay {

// Where an event stands in the stream: known before its row, the same each time that it comes.
struct StreamPosition {
  Lsn commit;
  int64_t ordinal = 0;  // among the inserts of its transaction, from 0

  friend auto operator<=>(const StreamPosition&, const StreamPosition&) = default;
};

// Why an event is parked, in words for people.
struct Refusal {
  std::string reason;
  std::string fix;
  bool whole_topic = false;  // no event of the topic is worth trying
  // The topic does not exist. Once it does, all is well without anybody's help.
  bool missing_topic = false;

  friend bool operator==(const Refusal&, const Refusal&) = default;
};

Refusal RefusalOf(const PublishFailure& failure);

// By which a parked key is found: its topic and name.
std::string KeyOf(std::string_view topic, std::string_view name);

// One parked (topic, key); or a topic, and with it all of its keys that are not parked by
// themselves.
struct ParkedKey {
  int64_t scope = 0;  // its number in the database; 0: not there yet
  std::string topic;  // see ScopeTopic
  std::string name;   // see ScopeName, kTopicScope
  std::string poison_id;
  std::shared_ptr<const Refusal> refusal = std::make_shared<const Refusal>();
  // The poison is known, but has not come by again since: what comes before it is published.
  bool awaiting_poison = false;
  // The poison's; while that is awaited, of what is parked behind it already, if anything is.
  StreamPosition from;
  int32_t era = 0;
  int64_t since_unix_seconds = 0;  // 0: not said yet
  bool released = false;

  bool is_topic() const { return name == kTopicScope; }
};

// An event that an operator has given up, and the transaction that it comes with.
struct Dropped {
  std::string id;
  Lsn commit;
};

// Not thread-safe. Some 400 bytes a key, as the keys of a refusal share its text. Once there are so
// many as may be, a topic of which one more would be parked is parked as a whole: all that comes of
// its keys which are not parked yet goes behind that event, so that memory is bounded and no key is
// overtaken. As long as it is, no key of it is parked by itself anew: its events would be in two
// places.
class ParkedKeys {
 public:
  // From `most` on whole topics are parked.
  explicit ParkedKeys(size_t most = SIZE_MAX) : most_(most) {}

  enum class Decision {
    kPublish,
    kSkip,          // an operator has given it up
    kPark,          // behind others of its key
    kParkAsPoison,  // the first of its key
  };

  // Whether Decide has anything to decide.
  bool decides() const { return !keys_.empty() || !dropped_.empty(); }
  bool empty() const { return keys_.empty(); }
  size_t size() const { return keys_.size(); }
  size_t topics_parked() const { return topics_parked_; }

  // What to do with the next event of the stream. For kPark and kParkAsPoison key() is whose it is;
  // for the latter a new one, or one that awaited this event: it is parked from here on.
  // Only to be asked if decides().
  Decision Decide(const Event& event, StreamPosition at);
  const std::shared_ptr<ParkedKey>& key() const { return found_; }

  // The event cannot be published: its key is parked from here on. key() is the key.
  void Park(const Event& event, StreamPosition at, Refusal refusal);

  // The events that may come by, and were given up: those, and no others.
  void SetDropped(std::vector<Dropped> events);

  // From the database: replaces what is known of this key.
  void Put(ParkedKey key);
  // Unless it was parked anew since.
  void Erase(const ParkedKey& key);
  // One object for equal ones.
  std::shared_ptr<const Refusal> Share(Refusal refusal);
  void Clear();
  void ForEach(absl::FunctionRef<void(const std::shared_ptr<ParkedKey>&)> visit) const;

  // A topic that is known to take nothing: null if it is not. An operator's release, or a look at
  // the topic, makes it worth trying again.
  const Refusal* TopicRefusal(std::string_view topic) const;
  void TryTopicAgain(std::string_view topic);
  void RefuseTopic(std::string_view topic, Refusal refusal);
  // Those that are refused, and those for which keys are parked because they do not exist: worth
  // asking for again.
  std::vector<std::string> TopicsInDoubt() const;
  // The topic exists. Marks those of its keys released that were parked because it did not, and are
  // in the database; answers whether there are any.
  bool ReleaseAwaiting(std::string_view topic);

 private:
  using Keys = absl::flat_hash_map<std::string, std::shared_ptr<ParkedKey>>;

  bool IsDropped(const Event& event, Lsn commit);
  // The event's own key, or else its topic; end() if neither is parked.
  Keys::iterator Find(const Event& event);
  // Makes or replaces it.
  void Set(std::shared_ptr<ParkedKey> key);

  const size_t most_;
  Keys keys_;  // by topic, NUL, name
  size_t topics_parked_ = 0;
  absl::flat_hash_map<std::string, Refusal> topics_;
  absl::flat_hash_map<std::string, Lsn> dropped_;
  Lsn dropped_until_;                                     // none of them lies behind
  std::vector<std::shared_ptr<const Refusal>> refusals_;  // those that keys have, but for some
  std::shared_ptr<ParkedKey> found_;
  std::string wanted_;  // scratch
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_PARKING_PARKED_KEYS_H_
