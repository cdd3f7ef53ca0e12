#include "libs/program/canary.h"

#include <google/protobuf/util/time_util.h>

#include "libs/outbox/unit_of_work.h"
#include "libs/postgres/sql_error.h"
#include "libs/program/periodic.h"
#include "libs/telemetry/log.h"
#include "saga/v1/canary.pb.h"

namespace program {
namespace {

absl::Status SendOne(postgres::Pool& pool, const std::string& service, const std::string& topic) {
  auto lease = pool.Acquire(absl::Seconds(1));
  if (!lease.ok()) return lease.status();
  auto work = outbox::UnitOfWork::Begin(**lease);
  if (!work.ok()) return work.status();
  saga::v1::Canary canary;
  canary.set_service(service);
  *canary.mutable_insert_time() = google::protobuf::util::TimeUtil::GetCurrentTime();
  work->outbox().Add({.aggregatetype = "CANARY",
                      .aggregateid = service,
                      .type = saga::v1::Canary::descriptor()->full_name(),
                      .payload = canary.SerializeAsString(),
                      .topic = topic});
  return work->Commit();
}

// Logs that the database cannot be used, at once and then now and again, and that it can again.
class DatabaseNews {
 public:
  void Take(const absl::Status& status) {
    // Busy, not away; a server that says so (a full disk) is another matter.
    if (absl::IsResourceExhausted(status) && postgres::SqlState(status).empty()) return;
    if (status.ok()) {
      if (failures_ > 0) telemetry::Info("the database can be used again");
      failures_ = 0;
    } else if (failures_++ % kSilence == 0) {
      if (postgres::IsOutage(status)) {
        telemetry::Warn("waiting for the database",
                        {{"error", status.ToString()}, {"fix", postgres::FixFor(status)}});
      } else {
        telemetry::Error("the database cannot be used; trying again until the cause is mended",
                         {{"error", status.ToString()}, {"fix", postgres::FixFor(status)}});
      }
    }
  }

 private:
  static constexpr int kSilence = 30;
  int failures_ = 0;  // in a row
};

}  // namespace

absl::Status SendCanaries(postgres::Pool& pool, const std::string& service,
                          const std::string& topic, std::stop_token stop) {
  DatabaseNews news;
  return EverySecond(stop, [&] {
    absl::Status sent = SendOne(pool, service, topic);
    news.Take(sent);
    return sent;
  });
}

}  // namespace program
