#include "outbox-relay/heal/parked_behind.h"

#include <memory>
#include <utility>

#include "libs/telemetry/log.h"
#include "libs/telemetry/traceparent.h"
#include "outbox-relay/heal/parked_order.h"
#include "outbox-relay/parking/parked_at_start.h"
#include "outbox-relay/parking/parked_table.h"
#include "outbox-relay/parking/sole_relay.h"

namespace relay {
namespace {

// In the era that healing begins, `seq` is the order, and the log's positions all come behind.
StreamPosition PositionOf(int64_t seq) { return {Lsn{}, seq}; }

}  // namespace

ParkedBehind::ParkedBehind(postgres::Connection& connection, std::string system_id,
                           size_t most_keys)
    : connection_(connection), system_id_(std::move(system_id)), keys_(most_keys) {}

absl::Status ParkedBehind::Load() {
  if (absl::Status alone = parked::ShutOutAll(connection_); !alone.ok()) return alone;
  if (absl::Status begun = BeginEra(connection_, system_id_); !begun.ok()) return begun;
  const auto first = LoadFirstParked(connection_);
  if (!first.ok()) return first.status();
  const auto put = [&](ParkedKey key) {
    // Rows in front of what is parked may have been on their way to Kafka when a relay died.
    const auto found = first->find(key.scope);
    if (found != first->end()) key.from = PositionOf(found->second);
    keys_.Put(std::move(key));
  };
  return parked::Load(connection_, system_id_, put).status();
}

bool ParkedBehind::Take(const Event& event, int64_t seq) {
  if (keys_.empty()) return false;
  const ParkedKeys::Decision decision = keys_.Decide(event, PositionOf(seq));
  if (decision == ParkedKeys::Decision::kPublish) return false;
  if (decision == ParkedKeys::Decision::kParkAsPoison) batch_.Open(keys_.key());
  Add(event, seq);
  return true;
}

void ParkedBehind::TakePoison(const Event& event, int64_t seq, const PublishFailure& why) {
  keys_.Park(event, PositionOf(seq), RefusalOf(why));
  batch_.Open(keys_.key());
  Add(event, seq);
  telemetry::Error(
      keys_.key()->is_topic()
          ? "Kafka refuses an event, and no more keys may be parked: it is parked by "
            "healing, with all that follows in its topic"
          : "Kafka refuses an event: it is parked by healing, with what follows of its "
            "key",
      {{"event_id", event.id},
       {"topic", event.topic},
       {"key", event.aggregate_id.value_or("")},
       {"trace_id", telemetry::TraceIdIn(event.traceparent)},
       {"error", why.reason},
       {"fix", why.fix}});
}

void ParkedBehind::Add(const Event& event, int64_t seq) {
  // The ledger knows nothing of these.
  batch_.Add(event, PositionOf(seq), keys_.key(), /*ticket=*/0);
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
