#include "outbox-relay/heal/parked_behind.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/telemetry/log.h"
#include "libs/telemetry/traceparent.h"
#include "outbox-relay/parking/parked_table.h"

namespace relay {
namespace {

// In the era that healing begins, `seq` is the order, and the log's positions all come behind.
StreamPosition PositionOf(int64_t seq) { return {Lsn{}, seq}; }

absl::Status NoPlace(std::string_view reason, std::string_view fix) {
  return absl::ResourceExhaustedError(absl::StrCat(
      "healing: ", std::string(reason), ", and no more keys may be parked. Fix: ", std::string(fix),
      ", or start with a larger --max_parked_keys; it starts over by itself"));
}

}  // namespace

ParkedBehind::ParkedBehind(postgres::Connection& connection, std::string system_id,
                           size_t most_keys)
    : connection_(connection), system_id_(std::move(system_id)), keys_(most_keys) {}

absl::Status ParkedBehind::Load() {
  if (absl::Status alone = parked::ShutOutAll(connection_); !alone.ok()) return alone;
  auto first = parked::LoadFirstParked(connection_);
  if (!first.ok()) return first.status();
  first_ = *std::move(first);
  if (absl::Status begun = parked::BeginEra(connection_, system_id_); !begun.ok()) return begun;
  const auto put = [this](ParkedKey key) {
    // Rows in front of what is parked may have been on their way to Kafka when a relay died.
    const auto found = first_.find(key.scope);
    if (found != first_.end()) key.from = PositionOf(found->second.seq);
    keys_.Put(std::move(key));
  };
  // No row that was given up is looked at.
  return parked::Load(connection_, system_id_, Lsn{UINT64_MAX}, {}, put).status();
}

bool ParkedBehind::Take(const Event& event, int64_t seq) {
  if (keys_.empty()) return false;
  const ParkedKeys::Decision decision = keys_.Decide(event, PositionOf(seq));
  if (decision == ParkedKeys::Decision::kPublish) return false;
  if (decision == ParkedKeys::Decision::kParkAsPoison) batch_.Open(keys_.key());
  Add(event, seq);
  return true;
}

absl::Status ParkedBehind::CheckPlace(const PublishFailure& failure) const {
  return keys_.HasPlaceFor(failure.topic, failure.key, failure.event_id)
             ? absl::OkStatus()
             : NoPlace(failure.reason, failure.fix);
}

absl::Status ParkedBehind::TakePoison(const Event& event, int64_t seq, const PublishFailure& why) {
  if (!keys_.HasPlaceFor(event.topic, event.aggregate_id, event.id)) {
    return NoPlace(why.reason, why.fix);
  }
  keys_.Park(event, PositionOf(seq), RefusalOf(why));
  batch_.Open(keys_.key());
  Add(event, seq);
  telemetry::Error("Kafka refuses an event: healing parks it, with what follows of its key",
                   {{"event_id", event.id},
                    {"topic", event.topic},
                    {"key", event.aggregate_id.value_or("")},
                    {"trace_id", telemetry::TraceIdIn(event.traceparent)},
                    {"error", why.reason},
                    {"fix", why.fix}});
  return absl::OkStatus();
}

void ParkedBehind::Add(const Event& event, int64_t seq) {
  std::shared_ptr<ParkedKey> key = keys_.key();
  const auto found = first_.find(key->scope);
  if (found != first_.end() && seq < found->second.seq) {
    // One that was refused in front of what is parked stays in front: of its era, at the log's
    // beginning.
    key = std::make_shared<ParkedKey>(*key);
    key->era = found->second.era;
  }
  // The ledger knows nothing of these.
  batch_.Add(event, PositionOf(seq), key, /*ticket=*/0);
  ++taken_;
}

absl::Status ParkedBehind::Flush() {
  if (batch_.empty()) return absl::OkStatus();
  if (!batch_.openings.empty()) {
    const parked::Query open = parked::OpenKeys(batch_, system_id_, /*walsender_pid=*/0);
    auto opened = connection_.Execute(open.sql, open.params);
    if (!opened.ok()) return opened.status();
    if (!parked::TakeScopes(*opened, batch_)) {
      return absl::AbortedError("what is parked was changed by another relay; healing starts over");
    }
  }
  const parked::Query insert = parked::InsertEvents(batch_);
  auto inserted = connection_.Execute(insert.sql, insert.params);
  if (!inserted.ok()) return inserted.status();
  batch_ = ParkBatch();
  return absl::OkStatus();
}

}  // namespace relay
