// Publishes what an operator has released: key by key in order, from the table to Kafka, then the
// key is no longer parked.
//
//   ask who is released (and again after a while, if some had to be set aside) → for some keys at a
//   time: fetch → publish → acknowledged → delete → hold those that Kafka still refuses → fetch … →
//   nothing left → last lap: the stream is not read until nothing is left indeed → forget the keys
//
// New events of a released key queue behind until then. All steps may be repeated by another relay
// after a crash: events come again then, in order.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PARKING_RELEASE_H_
#define ORDER_SAGA_OUTBOX_RELAY_PARKING_RELEASE_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "libs/postgres/result.h"
#include "outbox-relay/parking/parked_keys.h"
#include "outbox-relay/parking/parked_table.h"
#include "outbox-relay/sink/producer.h"
#include "outbox-relay/sink/record.h"

namespace relay {

// Not thread-safe. `keys` must outlive it.
class Release {
 public:
  using Clock = std::chrono::steady_clock;

  Release(std::string source_name, ParkedKeys& keys);

  // Somebody may have been released.
  void Refresh() { refresh_ = true; }

  // Acknowledgements are awaited.
  bool publishing() const { return in_flight_ > 0; }
  // It is not known who is released.
  bool due_to_ask() const { return refresh_; }
  // Nothing may be read from the stream, of which `taken` events were parked so far: a key or topic
  // of which much comes would grow faster than it is released, or never be done at its end; or some
  // room has to be made. A broker that does not answer is not waited for, or not for long.
  bool holds_stream(uint64_t taken) const {
    // Nothing else ends any more, and a transaction has to be read to its end.
    if (winding_up_) return phase_ == Phase::kForget;
    if (makes_room_) return true;
    const bool most = phase_ != Phase::kIdle && taken >= taken_at_fetch_ + may_take_;
    return !silent_ && (last_lap_ || most);
  }
  // What was fetched is with the sink.
  bool all_given() const { return phase_ == Phase::kPublish && next_row_ >= rows_->rows(); }
  // Nothing is under way.
  bool idle() const { return phase_ == Phase::kIdle; }

  // Events that were to be parked since the lot was empty or forgot all, and those of them that are
  // in the table.
  struct ParkedSoFar {
    uint64_t taken = 0;
    uint64_t written = 0;
  };

  // What to ask the database next, if anything. `may_begin`: whether nothing that was parked before
  // this session can come by again.
  std::optional<parked::Query> Next(bool may_begin, const ParkedSoFar& so_far);
  // Its answer. Answers how many events have left the table.
  int64_t OnAnswer(postgres::Result result);
  // `keys` was read anew from the table. From here on it may begin, and go on.
  void OnKeysLoaded();

  // Until then nothing more is fetched, nor given to the sink. What Kafka has leaves the table,
  // then it is at rest.
  void WindUp() { winding_up_ = true; }
  bool at_rest() const { return given_.empty() && held_.empty(); }

  // The key is in the database, under its scope.
  void OnKeyOpened(const std::shared_ptr<ParkedKey>& key) { known_[key->scope] = key; }

  // Gives the sink what it has room for, unless it `may_give` nothing.
  void Publish(Producer& sink, bool may_give, Clock::time_point now);
  // When to publish again though nothing has happened.
  std::optional<Clock::time_point> due() const;
  // Kafka has it.
  void OnPublished(Producer::Ticket ticket);

  // Ids of what was given to the sink, and may still be in the table.
  const std::vector<std::string>& given() const { return given_; }
  // Those of them that Kafka has.
  std::vector<std::string> Acknowledged() const;

  // The sink is gone, and what is on its way with it.
  void Forget();

 private:
  static constexpr uint64_t kMayTakeAtFirst = 1'000;

  enum class Phase { kIdle, kAsk, kFetch, kPublish, kHold, kDelete, kForget };
  struct Held {
    int64_t scope;
    std::string event_id;
    Refusal refusal;
  };

  void FindKeys();
  void NextChunk();
  void BeginPublishing(postgres::Result result);
  void Hold(const parked::Row& row, const PublishFailure& why);
  // All that was fetched is at Kafka, but for what is held or set aside.
  void NextStepOfLap();
  void OnLapDone();
  enum class Gave { kTaken, kNotTaken, kNoRoom, kSilence };
  Gave PublishRow(Producer& sink, const parked::Row& row);
  // No broker answers, and asking for each topic would take as long again.
  void SetAllAside();
  // Some records go only once nothing else is on its way, and a busy stream sees to it that
  // something always is.
  void MakeRoom(bool wanted, Clock::time_point now);
  ParkedKey* FindKey(int64_t scope) const;
  void OnReleased(const postgres::Result& result);
  void OnForgotten(const postgres::Result& result);

  const std::string source_name_;
  ParkedKeys& keys_;
  RecordBuilder router_;

  Phase phase_ = Phase::kIdle;
  bool asked_ = false;  // the phase's statement is on its way
  bool refresh_ = false;
  bool winding_up_ = false;
  bool last_lap_ = false;
  // While a lap releases events half as many may be parked anew, so that there is an end: see
  // ParkedSoFar.
  uint64_t taken_at_fetch_ = 0;
  uint64_t may_take_ = 0;
  uint64_t owed_half_ = 0;  // 1: half an event is owed from the last lap
  absl::flat_hash_map<int64_t, std::shared_ptr<ParkedKey>> known_;
  std::deque<int64_t> queue_;   // released keys to come
  std::vector<int64_t> chunk_;  // those under way
  // So many events have to be written before their first fetch: some may lie in front of what is
  // in the table.
  std::optional<uint64_t> barrier_;
  std::optional<postgres::Result> rows_;
  int next_row_ = 0;
  size_t row_bytes_ = 0;
  int64_t in_flight_ = 0;
  std::vector<std::string> given_;
  std::vector<bool> acknowledged_;  // of given_
  std::deque<Held> held_;
  // Of this lap, as their partitions have no leader, or nobody answers: others go on, and these are
  // asked for again.
  std::vector<int64_t> set_aside_;
  std::optional<Clock::time_point> ask_again_at_;
  bool moved_ = false;           // something was given to the sink or acknowledged
  Clock::time_point moved_at_;   // when that was last seen
  bool silent_ = false;          // for long nothing was, though there is something to give or await
  bool cut_short_ = false;       // there is more to give
  Clock::time_point room_from_;  // when room was last begun to be made
  bool makes_room_ = false;      // the stream waits for that
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_PARKING_RELEASE_H_
