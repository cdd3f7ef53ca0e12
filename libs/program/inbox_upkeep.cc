#include "libs/program/inbox_upkeep.h"

#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/postgres/sql_error.h"
#include "libs/program/periodic.h"
#include "libs/telemetry/log.h"
#include "prometheus/gauge.h"

namespace program {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::hours kEvery(1);
constexpr std::chrono::minutes kAfterFailures(10);
constexpr std::chrono::seconds kLockPause(2);
// Each attempt may hold writers up for 50 ms.
constexpr int kMostLockFailures = 30;

prometheus::Gauge& Gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

class InboxUpkeep {
 public:
  InboxUpkeep(postgres::Pool& pool, int window_days, prometheus::Registry& registry)
      : pool_(pool),
        window_days_(absl::StrCat(window_days)),
        future_(Gauge(registry, "inbox_future_partitions",
                      "Days after today for which the inbox has a partition.")),
        default_rows_(Gauge(registry, "inbox_default_partition_rows",
                            "Rows in the inbox's DEFAULT partition, which takes ids of no day; "
                            "counted to 1000.")),
        bytes_(Gauge(registry, "inbox_table_bytes",
                     "What the inbox takes on disk, with its indexes.")),
        last_(Gauge(registry, "inbox_last_rotation_timestamp_seconds",
                    "When partitions were last made, emptied and dropped as far as was due, as "
                    "Unix time.")) {}

  // Called each second.
  absl::Status Turn() {
    if (Clock::now() < next_at_) return absl::OkStatus();
    auto lease = pool_.Acquire(absl::Seconds(1));
    if (!lease.ok()) return lease.status();
    const absl::Status done = Rotate(**lease);
    if (done.ok()) {
      failures_ = 0;
      next_at_ = Clock::now() + kEvery;
      last_.SetToCurrentTime();
      return done;
    }
    if (postgres::IsOutage(done)) return done;  // others say so
    if (postgres::ShouldRerun(done) && ++failures_ < kMostLockFailures) {
      next_at_ = Clock::now() + kLockPause;
      return done;
    }
    failures_ = 0;
    next_at_ = Clock::now() + kAfterFailures;
    telemetry::Warn("the inbox's partitions are not kept up; trying again in ten minutes",
                    {{"error", done.ToString()},
                     {"fix",
                      "end the session that holds a lock on inbox or outbox (pg_locks), or "
                      "run this program's `migrate` verb if a function is missing"}});
    return done;
  }

 private:
  absl::Status Rotate(postgres::Connection& connection) {
    for (const char* make : {"SELECT partitions_create_ahead('inbox', 7)",
                             "SELECT partitions_create_ahead('outbox', 7)"}) {
      if (auto made = connection.Execute(make); !made.ok()) return made.status();
    }
    if (absl::Status read = ReadState(connection); !read.ok()) return read;
    // What was emptied an hour ago goes now.
    absl::Status dropped = UntilNothingIsLeft(connection, "SELECT inbox_drop()", {}, "dropped");
    if (!dropped.ok()) return dropped;
    return UntilNothingIsLeft(connection, "SELECT inbox_empty($1::int)",
                              postgres::Params().Text(window_days_), "emptied");
  }

  static absl::Status UntilNothingIsLeft(postgres::Connection& connection, const char* sql,
                                         const postgres::Params& params, const char* what) {
    for (;;) {
      auto row = connection.Execute(sql, params);
      if (!row.ok()) return row.status();
      if (row->rows() == 0 || row->IsNull(0, 0)) return absl::OkStatus();
      telemetry::Info("inbox partition is older than the window",
                      {{"partition", row->Text(0, 0)}, {"done", what}});
    }
  }

  absl::Status ReadState(postgres::Connection& connection) {
    auto row = connection.Execute(
        "SELECT future_partitions, default_rows, coalesce(total_bytes, 0)::bigint "
        "FROM partitions_state('inbox')");
    if (!row.ok()) return row.status();
    const int64_t future = row->Int64(0, 0), rest = row->Int64(0, 1);
    future_.Set(static_cast<double>(future));
    default_rows_.Set(static_cast<double>(rest));
    bytes_.Set(static_cast<double>(row->Int64(0, 2)));
    if (future < 2) {
      telemetry::Warn("the inbox has fewer than two partitions for the days ahead",
                      {{"future_partitions", future},
                       {"fix", "as the owner: SELECT partitions_create_ahead('inbox', 7)"}});
    }
    if (rest > 0) {
      telemetry::Warn("rows are in the inbox's DEFAULT partition, which is never emptied",
                      {{"rows", rest},
                       {"fix",
                        "ids must be UUIDv7 of the present: look at inbox_default and at "
                        "the clocks of the senders"}});
    }
    return absl::OkStatus();
  }

  postgres::Pool& pool_;
  const std::string window_days_;
  prometheus::Gauge& future_;
  prometheus::Gauge& default_rows_;
  prometheus::Gauge& bytes_;
  prometheus::Gauge& last_;
  Clock::time_point next_at_;
  int failures_ = 0;
};

}  // namespace

absl::Status KeepInbox(postgres::Pool& pool, int window_days, prometheus::Registry& metrics,
                       std::stop_token stop) {
  InboxUpkeep upkeep(pool, window_days, metrics);
  return EverySecond(stop, [&] { return upkeep.Turn(); });
}

}  // namespace program
