#include "outbox-relay/upkeep/rotation.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/postgres/sql_error.h"
#include "libs/telemetry/log.h"
#include "outbox-relay/watch/outbox_reading.h"

namespace relay {
namespace {

constexpr std::chrono::hours kEvery(1);
constexpr std::chrono::seconds kStateEvery(15), kLockPause(2), kFaultPause(60);
// Each attempt may hold writers up for 50 ms: so many, then it waits for longer.
constexpr int kMostLockFailures = 30;
constexpr std::chrono::minutes kAfterLockFailures(10);
constexpr int kMostHeldTurns = 60;
constexpr int64_t kMostCounted = 1'000;  // by partitions_state

constexpr char kMakeAhead[] = "SELECT partitions_create_ahead('outbox', 7)";
constexpr char kDrop[] = "SELECT outbox_drop($1::int)";
constexpr char kEmpty[] =
    "SELECT emptied, held FROM outbox_empty($1::int, $2::pg_snapshot, $3::pg_lsn)";
constexpr char kEmptyDefault[] =
    "SELECT outbox_empty_default($1::int, $2::pg_snapshot, $3::pg_lsn)";
constexpr char kState[] =
    "SELECT future_partitions, default_rows, coalesce(total_bytes, 0)::bigint "
    "FROM partitions_state('outbox')";

const char* FixOf(const absl::Status& status) {
  if (postgres::ShouldRerun(status)) {
    return "a session holds a lock on the outbox all the time: end it (SELECT pid, query FROM "
           "pg_stat_activity JOIN pg_locks USING (pid) WHERE relation = 'outbox'::regclass); "
           "trying "
           "again in ten minutes";
  }
  if (postgres::SqlState(status) == "55000") {
    return "another cluster: what the hint says, once Kafka has every row; a slot that is missing "
           "or "
           "lost: see the relay's own line; trying again in a minute";
  }
  return "run the service's `migrate` verb if a function or a right is missing; trying again in a "
         "minute";
}

}  // namespace

Rotation::Rotation(std::string source, int retention_days, const UpkeepMetrics& metrics)
    : source_(std::move(source)), retention_days_(retention_days), metrics_(metrics) {}

absl::Status Rotation::Turn(postgres::Connection& connection, Lsn confirmed) {
  const Clock::time_point now = Clock::now();
  if (now >= make_at_) {
    make_at_ = After(MakeAhead(connection), "make the days ahead", make_failures_);
    state_at_ = {};
  } else if (retention_days_ > 0 && now >= rotate_at_) {
    absl::Status status;
    if (!sample_) {
      status = BeginRound(connection);
    } else if (sample_->at <= confirmed) {
      status = dropped_ ? EmptyOldest(connection) : DropOldest(connection);
      state_at_ = {};
    }
    // A round that goes on has its next step a turn later.
    const bool over = status.ok() && !sample_ && rotate_failures_ == 0 && dropped_;
    if (!status.ok() || over) rotate_at_ = After(status, "rotate", rotate_failures_);
    if (over) dropped_ = false;
  }
  if (connection.usable() && now >= state_at_) {
    state_at_ = now + kStateEvery;
    if (absl::Status read = ReadState(connection); !read.ok()) {
      telemetry::Debug("cannot read the partitions' state",
                       {{"source", source_}, {"error", std::string(read.message())}});
    }
  }
  return connection.usable() ? absl::OkStatus()
                             : absl::UnavailableError("lost the upkeep's connection");
}

absl::Status Rotation::MakeAhead(postgres::Connection& connection) {
  auto made = connection.Execute(kMakeAhead);
  if (!made.ok()) return made.status();
  if (made->Int64(0, 0) > 0) {
    telemetry::Info("outbox partitions made",
                    {{"source", source_}, {"partitions", made->Int64(0, 0)}});
  }
  if (retention_days_ == 0) metrics_.SetLastRotationNow();
  return absl::OkStatus();
}

absl::Status Rotation::BeginRound(postgres::Connection& connection) {
  absl::StatusOr<SampleHistory::Sample> sample = ReadSample(connection);
  if (!sample.ok()) return sample.status();
  sample_ = *std::move(sample);
  dropped_ = false;
  return absl::OkStatus();
}

absl::Status Rotation::DropOldest(postgres::Connection& connection) {
  auto row = connection.Execute(kDrop, postgres::Params().Text(absl::StrCat(retention_days_)));
  if (!row.ok()) return row.status();
  rotate_failures_ = 0;
  dropped_ = row->IsNull(0, 0);
  if (!dropped_) {
    telemetry::Info("outbox partition dropped",
                    {{"source", source_}, {"partition", row->Text(0, 0)}});
  }
  return absl::OkStatus();
}

absl::Status Rotation::EmptyOldest(postgres::Connection& connection) {
  const postgres::Params proven = postgres::Params()
                                      .Text(absl::StrCat(retention_days_))
                                      .Text(sample_->snapshot)
                                      .Text(ToString(sample_->at));
  auto row = connection.Execute(kEmpty, proven);
  if (!row.ok()) return row.status();
  if (!row->IsNull(0, 0)) {
    rotate_failures_ = 0;
    telemetry::Info("outbox partition emptied: Kafka has its rows, and its retention is over",
                    {{"source", source_}, {"partition", row->Text(0, 0)}});
    return absl::OkStatus();
  }
  const std::string held(row->TextOrEmpty(0, 1));
  // What the slot itself can prove follows some seconds behind.
  if (!held.empty() && ++held_turns_ < kMostHeldTurns) return absl::OkStatus();
  if (!held.empty() && held != held_) {
    telemetry::Warn(
        "an outbox partition is past its retention, but has rows that are not known to be "
        "published; it is kept",
        {{"source", source_},
         {"partition", held},
         {"fix",
          "end the transaction that has been open since long, if there is one; else see the "
          "relay's README on retention"}});
  }
  held_ = held;
  auto rest = connection.Execute(kEmptyDefault, proven);
  // The migration that brings it may be a release away.
  const bool unknown = postgres::SqlState(rest.status()) == "42883";
  if (!rest.ok() && !unknown) return rest.status();
  rotate_failures_ = 0;
  if (!unknown && rest->Bool(0, 0)) {
    telemetry::Info(
        "the outbox's DEFAULT partition emptied: Kafka has its rows, and their retention is over",
        {{"source", source_}});
  }
  held_turns_ = 0;
  sample_.reset();
  metrics_.SetLastRotationNow();
  return absl::OkStatus();
}

Rotation::Clock::time_point Rotation::After(const absl::Status& status, const char* what,
                                            int& failures) {
  const Clock::time_point now = Clock::now();
  if (status.ok()) {
    failures = 0;
    return now + kEvery;
  }
  if (absl::IsUnavailable(status)) return now;  // again when there is a connection
  const bool locked = postgres::ShouldRerun(status);
  if (locked && ++failures < kMostLockFailures) return now + kLockPause;
  telemetry::Warn("the outbox's partitions are not kept up",
                  {{"source", source_},
                   {"what", what},
                   {"error", std::string(status.message())},
                   {"fix", FixOf(status)}});
  failures = 0;
  return now + (locked ? std::chrono::seconds(kAfterLockFailures) : kFaultPause);
}

absl::Status Rotation::ReadState(postgres::Connection& connection) {
  auto row = connection.Execute(kState);
  if (!row.ok()) return row.status();
  const int64_t future = row->Int64(0, 0), rest = row->Int64(0, 1);
  metrics_.SetFuturePartitions(future);
  metrics_.SetDefaultRows(rest);
  metrics_.SetTableBytes(row->Int64(0, 2));
  const Clock::time_point now = Clock::now();
  const auto due = [&](Clock::time_point& reported) {
    if (reported != Clock::time_point{} && now - reported < kEvery) return false;
    reported = now;
    return true;
  };
  if (future >= 2) {
    few_reported_ = {};
  } else if (due(few_reported_)) {
    telemetry::Warn("the outbox has fewer than two partitions for the days ahead",
                    {{"source", source_},
                     {"future_partitions", future},
                     {"fix",
                      "see the line that says why they could not be made; then, as the owner: "
                      "SELECT partitions_create_ahead('outbox', 7). If it answers 0, DEFAULT is "
                      "large, and writers wait while it is read: in a quiet hour, for one day "
                      "to come after the other, SELECT partitions_make('outbox', current_date + "
                      "1)"}});
  }
  if (rest == 0) {
    default_reported_ = {};
  } else if (due(default_reported_)) {
    telemetry::Warn(
        "rows are in the outbox's DEFAULT partition, which is emptied only as a whole",
        {{"source", source_},
         {"rows", rest < kMostCounted ? absl::StrCat(rest) : absl::StrCat(rest, " or more")},
         {"fix",
          "ids must be UUIDv7 of the present: look at SELECT id, created_at FROM "
          "outbox_default, and at the clock of who wrote them; those of a coming day move "
          "into its partition by themselves"}});
  }
  return absl::OkStatus();
}

}  // namespace relay
