#include "outbox-relay/watch/source_watch.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "libs/postgres/sql_error.h"
#include "libs/telemetry/log.h"

namespace relay {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSampleEvery(100), kEvaluateEvery(1'000);
constexpr milliseconds kFirstReconnect(500), kLongestReconnect(10'000);
// A count over a large backlog may take this share of the time at most.
constexpr int kCountShare = 20;
// Longer than any drain: the program's own deadline ends it before.
constexpr absl::Duration kStreamEnd = absl::Minutes(5);
constexpr std::chrono::minutes kReportAgain(1);

constexpr char kSample[] = "SELECT pg_current_snapshot()::text, pg_current_wal_insert_lsn()::text";

// The slot's catalog_xmin as an xid8: transactions before it were over when the slot was where it
// has confirmed to be. What holds of all rows if there is no sample.
constexpr char kSlot[] = R"sql(
  SELECT coalesce(confirmed_flush_lsn, '0/0')::text,
         coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint,
         (CASE WHEN low > now % 4294967296 THEN now / 4294967296 - 1 ELSE now / 4294967296 END
          * 4294967296 + low)::text
  FROM (SELECT confirmed_flush_lsn, restart_lsn, catalog_xmin::text::bigint AS low,
               pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS now
        FROM pg_replication_slots WHERE slot_name = 'outbox_' || current_database()) slot
)sql";

constexpr char kLagSinceSnapshot[] = R"sql(
  SELECT count(*), coalesce((extract(epoch FROM clock_timestamp() - min(created_at))
                             * 1000000)::bigint, 0)
  FROM outbox WHERE tx >= pg_snapshot_xmin($1::pg_snapshot)
                AND NOT pg_visible_in_snapshot(tx, $1::pg_snapshot)
)sql";

constexpr char kLagSinceXid[] = R"sql(
  SELECT count(*), coalesce((extract(epoch FROM clock_timestamp() - min(created_at))
                             * 1000000)::bigint, 0)
  FROM outbox WHERE tx >= $1::xid8
)sql";

}  // namespace

SourceWatch::SourceWatch(std::string name, std::string conninfo, StateTopicOptions topic,
                         SourceMetrics& metrics, SourceState& state)
    : name_(std::move(name)),
      conninfo_(std::move(conninfo)),
      metrics_(metrics),
      state_(state),
      recorder_(std::move(topic), state) {}

absl::Status SourceWatch::Run(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  while (!stop.stop_requested()) {
    const milliseconds pause = Round();
    std::unique_lock lock(mutex);
    changed.wait_for(lock, stop, pause, [&] { return stop.stop_requested(); });
  }
  state_.gate().AwaitStreamEnd(kStreamEnd);
  absl::Status last = connection_ ? recorder_.RecordLast(*connection_, samples_) : absl::OkStatus();
  if (!last.ok()) {
    telemetry::Warn("the last position was not recorded: some events come again at the next start",
                    {{"source", name_}, {"error", std::string(last.message())}});
  }
  return absl::OkStatus();
}

milliseconds SourceWatch::Round() {
  absl::Status status = connection_ ? absl::OkStatus() : Connect();
  if (status.ok()) status = Sample();
  if (status.ok()) {
    const absl::Status recorded = recorder_.Record(*connection_, samples_);
    if (!recorded.ok()) {
      Report(recorded,
             "the position cannot be recorded, so Postgres is not told of it and keeps its log",
             "the service's `migrate` verb makes outbox_relay_state and grants it to this role; "
             "the role may also need to read and write the topic outbox-relay-state");
      if (!connection_->usable()) status = recorded;
    }
  }
  if (status.ok() && Clock::now() >= evaluate_at_) status = Evaluate();
  if (status.ok()) {
    reconnect_pause_ = milliseconds(0);
    return kSampleEvery;
  }
  const bool lost = !connection_ || !connection_->usable();
  if (lost) connection_.reset();
  Report(status, "cannot read the outbox's lag",
         "the service's `migrate` verb grants SELECT on outbox to this role");
  reconnect_pause_ = std::clamp(reconnect_pause_ * 2, kFirstReconnect, kLongestReconnect);
  return reconnect_pause_;
}

void SourceWatch::Report(const absl::Status& status, const std::string& what,
                         const std::string& fix) {
  // The stream says what there is to say about a database that is away.
  if (absl::IsUnavailable(status) ||
      (reported_ == status.message() && Clock::now() - reported_at_ < kReportAgain)) {
    return;
  }
  reported_ = std::string(status.message());
  reported_at_ = Clock::now();
  telemetry::Error(what, {{"source", name_}, {"error", reported_}, {"fix", fix}});
}

absl::Status SourceWatch::Connect() {
  absl::StatusOr<postgres::Connection> connection =
      postgres::Connection::Open(conninfo_, "outbox-relay watch");
  state_.SetServerLeaving(was_connected_ && !connection.ok());
  if (!connection.ok()) return connection.status();
  connection_.emplace(*std::move(connection));
  was_connected_ = true;
  samples_.Clear();
  // Rows are counted, tables are not written: nothing here may hold up anybody for long.
  return connection_->ExecuteScript(
      "SET lock_timeout = '2s'; SET statement_timeout = '30s'; "
      // What is recorded is on this server's disk, and waits for no other.
      "SET synchronous_commit = local");
}

absl::Status SourceWatch::Sample() {
  // Before the snapshot, so that what is not visible in it lies behind.
  std::shared_ptr<const TopicOffsets> offsets = state_.gate().offsets().Snapshot();
  if (offsets->empty()) offsets = nullptr;  // a relay that has not published anything
  auto row = connection_->Execute(kSample);
  if (!row.ok()) return row.status();
  absl::StatusOr<Lsn> at = ParseLsn(row->Text(0, 1));
  if (!at.ok()) return at.status();
  samples_.Add(std::string(row->Text(0, 0)), *at, std::move(offsets));
  return absl::OkStatus();
}

absl::Status SourceWatch::Evaluate() {
  const Clock::time_point start = Clock::now();
  auto slot = connection_->Execute(kSlot);
  if (!slot.ok()) return slot.status();
  Lsn confirmed = state_.confirmed();
  std::string slot_xmin = "0";
  if (slot->rows() == 1) {
    // A standby knows no position of its own.
    absl::StatusOr<Lsn> slot_confirmed = ParseLsn(slot->Text(0, 0));
    if (slot_confirmed.ok()) confirmed = std::max(confirmed, *slot_confirmed);
    metrics_.slot_retained_wal.Set(static_cast<double>(slot->Int64(0, 1)));
    if (!slot->IsNull(0, 2)) slot_xmin = std::string(slot->Text(0, 2));
  }
  absl::StatusOr<Lag> lag = ReadLag(confirmed, slot_xmin);
  if (!lag.ok()) return lag.status();
  metrics_.unpublished_events.Set(static_cast<double>(lag->events));
  metrics_.oldest_unpublished_age.Set(static_cast<double>(lag->oldest_age_microseconds) / 1e6);
  const auto took = std::chrono::ceil<milliseconds>(Clock::now() - start);
  evaluate_at_ = start + std::max(kEvaluateEvery, took * kCountShare);
  return absl::OkStatus();
}

absl::StatusOr<SourceWatch::Lag> SourceWatch::ReadLag(Lsn confirmed, const std::string& slot_xmin) {
  const std::string* snapshot = samples_.NewestAt(confirmed);
  auto row = snapshot != nullptr
                 ? connection_->Execute(kLagSinceSnapshot, postgres::Params().Text(*snapshot))
                 : connection_->Execute(kLagSinceXid, postgres::Params().Text(slot_xmin));
  if (!row.ok()) return row.status();
  return Lag{.events = row->Int64(0, 0),
             .oldest_age_microseconds = std::max<int64_t>(0, row->Int64(0, 1))};
}

}  // namespace relay
