#include "outbox-relay/watch/source_watch.h"

#include <algorithm>
#include <utility>

#include "libs/postgres/sql_error.h"
#include "libs/telemetry/log.h"
#include "libs/waiting/until_stop.h"
#include "outbox-relay/watch/outbox_reading.h"

namespace relay {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSampleEvery(100), kEvaluateEvery(1'000);
constexpr milliseconds kAnswer(40'000);  // longer than statement_timeout
constexpr milliseconds kFirstReconnect(500), kLongestReconnect(10'000);
// A count over a large backlog may take this share of the time at most.
constexpr int kCountShare = 20;
// Longer than any drain: the program's own deadline ends it before.
constexpr absl::Duration kStreamEnd = absl::Minutes(5);
constexpr std::chrono::minutes kReportAgain(1);

}  // namespace

SourceWatch::SourceWatch(std::string name, std::string conninfo, StateTopicOptions topic,
                         SourceMetrics& metrics, SourceState& state)
    : name_(std::move(name)),
      conninfo_(std::move(conninfo)),
      metrics_(metrics),
      state_(state),
      recorder_(std::move(topic), state) {}

absl::Status SourceWatch::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    waiting::UntilStop(stop, Round());
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
    if (absl::IsAborted(recorded)) {
      // Of several hosts this connection may have the one that is no longer the primary.
      connection_.reset();
      return kFirstReconnect;
    }
    if (!recorded.ok()) {
      Report(recorded,
             "the position cannot be recorded, so Postgres is not told of it and keeps its log",
             "the service's `migrate` verb makes outbox_relay_state and grants it to this role; "
             "the role may also need to read and write the topic outbox-relay-state");
      if (!connection_->usable()) status = recorded;
    }
  }
  if (status.ok() && Clock::now() >= evaluate_at_) {
    const absl::Status counted = Evaluate();
    if (!counted.ok()) {
      ReportUnread(counted);
      // A count that fails does not hold up the position's record.
      if (!connection_->usable()) status = counted;
    }
  }
  if (status.ok()) {
    reconnect_pause_ = milliseconds(0);
    return kSampleEvery;
  }
  if (connection_ && !connection_->usable()) connection_.reset();
  ReportUnread(status);
  reconnect_pause_ = std::clamp(reconnect_pause_ * 2, kFirstReconnect, kLongestReconnect);
  return reconnect_pause_;
}

void SourceWatch::ReportUnread(const absl::Status& status) {
  Report(status, "cannot read the outbox's lag",
         "the service's `migrate` verb grants SELECT on outbox to this role");
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
  connection_->SetAnswerTimeout(kAnswer);
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
  return TakeSample(*connection_, samples_, std::move(offsets));
}

absl::Status SourceWatch::Evaluate() {
  const Clock::time_point start = Clock::now();
  const absl::Status counted = Count();
  const auto took = std::chrono::ceil<milliseconds>(Clock::now() - start);
  evaluate_at_ = start + std::max(kEvaluateEvery, took * kCountShare);
  return counted;
}

absl::Status SourceWatch::Count() {
  absl::StatusOr<SlotReading> slot = ReadSlot(*connection_);
  if (!slot.ok()) return slot.status();
  if (slot->exists) metrics_.slot_retained_wal.Set(static_cast<double>(slot->retained_bytes));
  // Not what the stream has confirmed: that says nothing of rows if it cannot be recorded, or the
  // publication left them out. A standby knows no position of its own.
  const Lsn published = std::max(state_.gate().recorded(), slot->confirmed);
  absl::StatusOr<OutboxLag> lag = ReadLag(*connection_, published, slot->xmin, samples_);
  if (!lag.ok()) return lag.status();
  metrics_.unpublished_events.Set(static_cast<double>(lag->events));
  metrics_.oldest_unpublished_age.Set(static_cast<double>(lag->oldest_age_microseconds) / 1e6);
  return absl::OkStatus();
}

}  // namespace relay
