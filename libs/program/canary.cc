#include "libs/program/canary.h"

#include <google/protobuf/util/time_util.h>

#include "libs/outbox/unit_of_work.h"
#include "libs/program/periodic.h"
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

}  // namespace

absl::Status SendCanaries(postgres::Pool& pool, const std::string& service,
                          const std::string& topic, std::stop_token stop) {
  return EverySecond(stop, [&] { return SendOne(pool, service, topic); });
}

}  // namespace program
