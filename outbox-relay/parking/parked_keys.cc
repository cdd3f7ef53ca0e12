#include "outbox-relay/parking/parked_keys.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "outbox-relay/parking/scope_name.h"

namespace relay {
namespace {

constexpr size_t kSharedRefusals = 64;

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

Refusal RefusalOf(const PublishFailure& failure) {
  return {.reason = failure.reason,
          .fix = failure.fix,
          .whole_topic = failure.whole_topic,
          .missing_topic = failure.kind == PublishFailure::Kind::kMissingTopic};
}

std::string KeyOf(std::string_view topic, std::string_view name) {
  std::string key(topic);
  key.push_back('\0');
  key.append(name);
  return key;
}

ParkedKeys::Decision ParkedKeys::Decide(const Event& event, StreamPosition at) {
  if (IsDropped(event, at.commit)) return Decision::kSkip;
  if (const auto found = Find(event); found != keys_.end()) {
    found_ = found->second;
    if (found_->awaiting_poison && event.id == found_->poison_id) {
      found_->awaiting_poison = false;
      found_->from = at;
      return Decision::kParkAsPoison;
    }
    return at >= found_->from ? Decision::kPark : Decision::kPublish;
  }
  if (topics_.empty()) return Decision::kPublish;
  const Refusal* refusal = TopicRefusal(event.topic);
  if (refusal == nullptr) return Decision::kPublish;
  Park(event, at, Refusal(*refusal));
  return Decision::kParkAsPoison;
}

ParkedKeys::Keys::iterator ParkedKeys::Find(const Event& event) {
  wanted_.assign(ScopeTopic(event.topic));
  wanted_.push_back('\0');
  const size_t topic_size = wanted_.size();
  AppendScopeName(event.aggregate_id, event.id, wanted_);
  auto found = keys_.find(wanted_);
  if (found != keys_.end() || topics_parked_ == 0) return found;
  wanted_.resize(topic_size);
  wanted_.append(kTopicScope);
  return keys_.find(wanted_);
}

void ParkedKeys::Park(const Event& event, StreamPosition at, Refusal refusal) {
  if (refusal.whole_topic) RefuseTopic(event.topic, refusal);
  ParkedKey key{.topic = std::string(ScopeTopic(event.topic)),
                .poison_id = std::string(event.id),
                .refusal = Share(std::move(refusal)),
                .from = at};
  if (const auto known = Find(event); known != keys_.end()) {
    // An earlier event of what is parked already, which came again and is refused this time.
    key.name = known->second->name;
    key.scope = known->second->scope;
    key.era = known->second->era;
  } else if (keys_.size() >= most_) {
    key.name = kTopicScope;
  } else {
    key.name = ScopeName(event.aggregate_id, event.id);
  }
  found_ = std::make_shared<ParkedKey>(std::move(key));
  Set(found_);
}

void ParkedKeys::Put(ParkedKey key) {
  if (key.refusal->whole_topic && !key.released) {
    RefuseTopic(key.topic, *key.refusal);
  }
  key.refusal = Share(*key.refusal);
  Set(std::make_shared<ParkedKey>(std::move(key)));
}

void ParkedKeys::Set(std::shared_ptr<ParkedKey> key) {
  std::shared_ptr<ParkedKey>& slot = keys_[KeyOf(key->topic, key->name)];
  if (slot == nullptr && key->is_topic()) ++topics_parked_;
  slot = std::move(key);
}

std::shared_ptr<const Refusal> ParkedKeys::Share(Refusal refusal) {
  for (const auto& known : refusals_) {
    if (*known == refusal) return known;
  }
  // Each topic has its own, and a broker's text may have anything in it.
  if (refusals_.size() >= kSharedRefusals) refusals_.erase(refusals_.begin());
  return refusals_.emplace_back(std::make_shared<const Refusal>(std::move(refusal)));
}

void ParkedKeys::SetDropped(std::vector<Dropped> events) {
  dropped_.clear();
  dropped_until_ = Lsn{};
  for (Dropped& event : events) {
    dropped_until_ = std::max(dropped_until_, event.commit);
    dropped_.emplace(std::move(event.id), event.commit);
  }
}

bool ParkedKeys::IsDropped(const Event& event, Lsn commit) {
  if (dropped_.empty()) return false;
  // They cost nothing once they are behind.
  if (commit > dropped_until_) dropped_.clear();
  const auto found = dropped_.find(View(event.id));
  // Another one may have its id by now. Its place in the transaction is no proof: that counts the
  // rows that the publication has, which may have been changed since.
  return found != dropped_.end() && found->second == commit;
}

void ParkedKeys::Erase(const ParkedKey& key) {
  const auto found = keys_.find(KeyOf(key.topic, key.name));
  if (found == keys_.end() || found->second.get() != &key) return;
  if (key.is_topic()) --topics_parked_;
  keys_.erase(found);
}

void ParkedKeys::Clear() {
  keys_.clear();
  topics_parked_ = 0;
  topics_.clear();
  dropped_.clear();
  found_.reset();
}

void ParkedKeys::ForEach(absl::FunctionRef<void(const std::shared_ptr<ParkedKey>&)> visit) const {
  for (const auto& [name, key] : keys_) visit(key);
}

const Refusal* ParkedKeys::TopicRefusal(std::string_view topic) const {
  const auto found = topics_.find(View(ScopeTopic(topic)));
  return found == topics_.end() ? nullptr : &found->second;
}

void ParkedKeys::TryTopicAgain(std::string_view topic) { topics_.erase(View(ScopeTopic(topic))); }

void ParkedKeys::RefuseTopic(std::string_view topic, Refusal refusal) {
  topics_.insert_or_assign(std::string(ScopeTopic(topic)), std::move(refusal));
}

std::vector<std::string> ParkedKeys::TopicsInDoubt() const {
  absl::flat_hash_set<std::string> topics;
  for (const auto& [topic, refusal] : topics_) topics.insert(topic);
  for (const auto& [name, key] : keys_) {
    if (key->refusal->missing_topic && !key->released) topics.insert(key->topic);
  }
  return {topics.begin(), topics.end()};
}

bool ParkedKeys::ReleaseAwaiting(std::string_view topic) {
  bool any = false;
  for (const auto& [name, key] : keys_) {
    if (!key->refusal->missing_topic || key->released || key->scope == 0) continue;
    if (key->topic != topic) continue;
    key->released = any = true;
  }
  return any;
}

}  // namespace relay
