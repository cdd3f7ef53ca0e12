#include "outbox-relay/parking/release.h"

#include <algorithm>
#include <utility>

#include "libs/telemetry/log.h"
#include "libs/telemetry/traceparent.h"
#include "outbox-relay/parking/parking_log.h"

namespace relay {
namespace {

// A key of a few events costs as many round trips as a thousand of them together.
constexpr size_t kKeysAtOnce = 100;
// What is left can be sent while the stream waits, and nobody minds.
constexpr int kFewRows = 250;
constexpr size_t kFewBytes = 256 << 10;
constexpr size_t kRowBytes = 200;  // besides: kFetchEvents counts the same
constexpr std::chrono::milliseconds kTopicAnswer(500), kTopicPause(1'000), kSilence(3'000),
    kTurn(100);
// The stream has most of the time: there may be many that want room, and what they wait for may be
// on its way to a partition without a leader.
constexpr std::chrono::seconds kMakesRoom(5), kMakesRoomEvery(30);

}  // namespace

Release::Release(std::string source_name, ParkedKeys& keys)
    : source_name_(std::move(source_name)), keys_(keys), router_(source_name_) {}

std::optional<parked::Query> Release::Next(bool may_begin, const ParkedSoFar& so_far) {
  if (asked_) return std::nullopt;
  if (phase_ == Phase::kIdle && refresh_ && may_begin && !winding_up_) {
    refresh_ = false;
    phase_ = Phase::kAsk;
    taken_at_fetch_ = so_far.taken;
    may_take_ = kMayTakeAtFirst;
  }
  std::optional<parked::Query> query;
  switch (phase_) {
    case Phase::kIdle:
    case Phase::kPublish:
      break;
    case Phase::kAsk:
      query = parked::ReleasedKeys();
      break;
    case Phase::kFetch:
      if (!barrier_ || last_lap_) barrier_ = so_far.taken;
      if (so_far.written < *barrier_ || winding_up_) break;
      query = parked::FetchEvents(chunk_);
      taken_at_fetch_ = so_far.taken;
      break;
    case Phase::kHold:
      query = parked::HoldKey(held_.front().scope, held_.front().event_id, held_.front().refusal);
      break;
    case Phase::kDelete:
      query = parked::DeleteEvents(given_);
      break;
    case Phase::kForget:
      // A key that was parked anew meanwhile has its events in the table first.
      if (so_far.written >= so_far.taken) query = parked::ForgetKeys(chunk_);
      break;
  }
  asked_ = query.has_value();
  return query;
}

int64_t Release::OnAnswer(postgres::Result result) {
  asked_ = false;
  int64_t gone = 0;
  switch (phase_) {
    case Phase::kIdle:
    case Phase::kPublish:
      break;
    case Phase::kAsk:
      OnReleased(result);
      NextChunk();
      break;
    case Phase::kFetch:
      BeginPublishing(std::move(result));
      break;
    case Phase::kHold:
      // Its topic may have been found since, and the key, in memory only, released for that.
      if (ParkedKey* const key = FindKey(held_.front().scope)) key->released = false;
      held_.pop_front();
      NextStepOfLap();
      break;
    case Phase::kDelete:
      gone = result.affected();
      given_.clear();
      acknowledged_.clear();
      NextStepOfLap();
      break;
    case Phase::kForget:
      OnForgotten(result);
      NextChunk();
      break;
  }
  return gone;
}

void Release::OnKeysLoaded() {
  winding_up_ = false;
  ask_again_at_.reset();
  FindKeys();
}

void Release::FindKeys() {
  known_.clear();
  keys_.ForEach([&](const std::shared_ptr<ParkedKey>& key) { known_.emplace(key->scope, key); });
}

void Release::OnReleased(const postgres::Result& result) {
  FindKeys();
  queue_.clear();
  for (int row = 0; row < result.rows(); ++row) {
    const auto found = known_.find(result.Int64(row, 0));
    // One that we do not know was parked by a relay that should not have: it is known after the
    // next start. One whose poison is awaited still: either that comes no more, as the stream has
    // passed the place of all that is parked, or the key has nothing else; if it comes, it is tried
    // again.
    if (found == known_.end()) continue;
    found->second->released = true;
    keys_.TryTopicAgain(found->second->topic);
    queue_.push_back(found->first);
  }
}

void Release::NextChunk() {
  last_lap_ = false;
  may_take_ = kMayTakeAtFirst;
  barrier_.reset();
  rows_.reset();
  chunk_.clear();
  while (!queue_.empty() && chunk_.size() < kKeysAtOnce) {
    chunk_.push_back(queue_.front());
    queue_.pop_front();
  }
  phase_ = chunk_.empty() ? Phase::kIdle : Phase::kFetch;
}

void Release::BeginPublishing(postgres::Result result) {
  rows_.emplace(std::move(result));
  moved_ = true;
  next_row_ = 0;
  row_bytes_ = 0;
  phase_ = Phase::kPublish;
}

void Release::Publish(Producer& sink, bool may_give, Clock::time_point now) {
  if (ask_again_at_ && now >= *ask_again_at_) {
    ask_again_at_.reset();
    refresh_ = true;
  }
  if (phase_ != Phase::kPublish) return;
  if (winding_up_) next_row_ = rows_->rows();
  const Clock::time_point begun = Clock::now();
  cut_short_ = false;
  bool wants_room = false;
  // Then nobody has room, and soon all have.
  const bool committing = sink.transaction() != nullptr && !sink.transaction()->takes();
  while (may_give && next_row_ < rows_->rows()) {
    const parked::Row row = parked::RowOf(*rows_, next_row_);
    const bool waits =
        std::ranges::find(set_aside_, row.scope) != set_aside_.end() ||
        std::ranges::any_of(held_, [&](const Held& held) { return held.scope == row.scope; });
    const Gave gave = waits ? Gave::kNotTaken : PublishRow(sink, row);
    wants_room = gave == Gave::kNoRoom && sink.in_flight_released() == 0 && !committing;
    if (gave == Gave::kNoRoom) break;
    if (gave == Gave::kTaken) moved_ = true;
    if (gave == Gave::kSilence) {
      SetAllAside();
      break;
    }
    row_bytes_ += kRowBytes + BytesOf(row.event);
    ++next_row_;
    // Of many topics each may have to be asked for, and the stream's server wants to hear of us.
    cut_short_ = next_row_ < rows_->rows() && Clock::now() - begun >= kTurn;
    if (cut_short_) break;
  }
  MakeRoom(wants_room, now);
  if (!set_aside_.empty() && !ask_again_at_) ask_again_at_ = now + kTopicPause;
  // In a transaction nothing is acknowledged before its end, which needs nothing of the stream.
  const bool moved = std::exchange(moved_, false) || sink.transaction() != nullptr;
  if (moved || (in_flight_ == 0 && next_row_ >= rows_->rows())) moved_at_ = now;
  silent_ = now - moved_at_ >= kSilence;
  // Much may be parked until it speaks.
  if (silent_) last_lap_ = false;
  if (in_flight_ > 0 || next_row_ < rows_->rows()) return;
  for (const Held& held : held_) std::erase(chunk_, held.scope);
  for (const int64_t scope : set_aside_) std::erase(chunk_, scope);
  NextStepOfLap();
}

void Release::NextStepOfLap() {
  // What is at Kafka leaves the table before its key is held: what is held may be dropped.
  if (!given_.empty()) {
    phase_ = Phase::kDelete;
  } else if (!held_.empty()) {
    phase_ = Phase::kHold;
  } else {
    OnLapDone();
  }
}

Release::Gave Release::PublishRow(Producer& sink, const parked::Row& row) {
  using Outcome = Producer::Outcome;
  const Record& record = router_.Build(row.event);
  const Producer::Ticket ticket = Producer::kReleased + given_.size();
  Outcome outcome = Outcome::kTopicNotReady;
  // The topic's limit may have to be read anew, and then, for smaller batches, once more.
  for (int i = 0; i < 3 && outcome == Outcome::kTopicNotReady; ++i) {
    const absl::Status leader = sink.CheckLeader(record, kTopicAnswer);
    if (absl::IsUnavailable(leader)) return Gave::kSilence;
    if (absl::IsFailedPrecondition(leader)) {
      set_aside_.push_back(row.scope);
      return Gave::kNotTaken;
    }
    outcome = leader.ok() ? sink.Produce(record, ticket) : Outcome::kRefused;
  }
  if (outcome == Outcome::kRefused) {
    Hold(row, sink.refusal());
    return Gave::kNotTaken;
  }
  if (outcome != Outcome::kTaken) return Gave::kNoRoom;
  ++in_flight_;
  given_.emplace_back(row.event.id);
  acknowledged_.push_back(false);
  return Gave::kTaken;
}

std::optional<Release::Clock::time_point> Release::due() const {
  if (cut_short_) return Clock::time_point{};
  if (phase_ != Phase::kPublish || silent_) return ask_again_at_;
  const Clock::time_point silent_at = moved_at_ + kSilence;
  return ask_again_at_ ? std::min(*ask_again_at_, silent_at) : silent_at;
}

void Release::SetAllAside() {
  next_row_ = rows_->rows();
  set_aside_.insert(set_aside_.end(), chunk_.begin(), chunk_.end());
  queue_.clear();
}

void Release::MakeRoom(bool wanted, Clock::time_point now) {
  if (wanted && now - room_from_ >= kMakesRoomEvery) room_from_ = now;
  makes_room_ = wanted && now - room_from_ < kMakesRoom;
}

void Release::OnPublished(Producer::Ticket ticket) {
  acknowledged_[ticket - Producer::kReleased] = true;
  moved_ = true;
  --in_flight_;
}

std::vector<std::string> Release::Acknowledged() const {
  std::vector<std::string> ids;
  for (size_t i = 0; i < given_.size(); ++i) {
    if (acknowledged_[i]) ids.push_back(given_[i]);
  }
  return ids;
}

void Release::Hold(const parked::Row& row, const PublishFailure& why) {
  held_.push_back(
      {.scope = row.scope, .event_id = std::string(row.event.id), .refusal = RefusalOf(why)});
  if (ParkedKey* const key = FindKey(row.scope)) {
    key->released = false;
    key->refusal = keys_.Share(held_.back().refusal);
    key->poison_id = held_.back().event_id;
  }
  if (why.whole_topic) keys_.RefuseTopic(row.event.topic, held_.back().refusal);
  telemetry::Warn("a released key is parked again: Kafka still refuses its next event",
                  {{"source", source_name_},
                   {"event_id", row.event.id},
                   {"topic", row.event.topic},
                   {"key", row.event.aggregate_id.value_or("")},
                   {"trace_id", telemetry::TraceIdIn(row.event.traceparent)},
                   {"error", why.reason},
                   {"fix", why.fix}});
}

void Release::OnLapDone() {
  const int rows = rows_->rows();
  const uint64_t halves = rows + owed_half_;
  set_aside_.clear();
  may_take_ = halves / 2;
  owed_half_ = halves % 2;
  rows_.reset();
  if (chunk_.empty()) return NextChunk();
  if (rows == 0 && last_lap_) {
    phase_ = Phase::kForget;
    return;
  }
  last_lap_ = last_lap_ || (rows < kFewRows && row_bytes_ < kFewBytes);
  phase_ = Phase::kFetch;
}

void Release::OnForgotten(const postgres::Result& result) {
  for (int row = 0; row < result.rows(); ++row) {
    const ParkedKey* const key = FindKey(result.Int64(row, 0));
    if (key == nullptr) continue;
    telemetry::Info("a key is no longer parked",
                    {{"source", source_name_}, {"topic", key->topic}, {"key", KeyForLog(*key)}});
    keys_.Erase(*key);
  }
}

ParkedKey* Release::FindKey(int64_t scope) const {
  const auto found = known_.find(scope);
  return found == known_.end() ? nullptr : found->second.get();
}

void Release::Forget() {
  phase_ = Phase::kIdle;
  asked_ = refresh_ = last_lap_ = false;
  barrier_.reset();
  known_.clear();
  queue_.clear();
  chunk_.clear();
  rows_.reset();
  given_.clear();
  acknowledged_.clear();
  held_.clear();
  set_aside_.clear();
  in_flight_ = 0;
  ask_again_at_.reset();
  silent_ = moved_ = cut_short_ = makes_room_ = false;
}

}  // namespace relay
