#include "libs/requests/transact.h"

#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "libs/postgres/sql_error.h"
#include "libs/requests/claim.h"
#include "libs/requests/fields.h"
#include "libs/service/errors.h"
#include "libs/telemetry/check.h"
#include "libs/uuid/uuid.h"

namespace requests {
namespace {

constexpr absl::Duration kConnectionWait = absl::Seconds(2);
constexpr absl::Duration kPatience = absl::Seconds(5);
// More than connections that a restarted server left behind in the pool, so that the last attempt
// has a new one.
constexpr int kMaxAttempts = 1'000;

absl::Status WithCode(absl::StatusCode code, const absl::Status& status) {
  return absl::Status(code, status.message());
}

absl::Status Attempt(postgres::Connection& connection,
                     absl::FunctionRef<absl::Status(outbox::UnitOfWork&)> body) {
  auto work = outbox::UnitOfWork::Begin(connection);
  if (!work.ok()) return work.status();
  if (absl::Status done = body(*work); !done.ok()) return done;
  return work->Commit();
}

// What an error says to those who did nothing wrong.
absl::Status Blameless(const absl::Status& status) {
  if (postgres::SqlState(status).empty() || postgres::IsOutage(status) ||
      postgres::ShouldRerun(status)) {
    return status;
  }
  return WithCode(absl::StatusCode::kInternal, status);
}

}  // namespace

absl::Status Read(postgres::Pool& pool,
                  absl::FunctionRef<absl::Status(postgres::Connection&)> body) {
  const absl::Time give_up = absl::Now() + kPatience;
  bool unsure = false;  // a commit whose answer was lost may have happened
  for (int attempt = 1;; ++attempt) {
    auto lease = pool.Acquire(kConnectionWait);
    if (!lease.ok()) {
      return unsure || !absl::IsResourceExhausted(lease.status()) ? service::DatabaseUnavailable()
                                                                  : service::DatabaseBusy();
    }
    absl::Status done = body(**lease);
    if (done.ok()) return done;
    // Ours, not Postgres's: `body` means the caller. A connection that broke is told by its state,
    // because `body` may have made an Unavailable of its own.
    const bool again = postgres::ShouldRerun(done) || !(*lease)->usable();
    unsure = unsure || !(*lease)->usable();
    if (again && attempt < kMaxAttempts && absl::Now() < give_up) continue;
    if (unsure && !postgres::SqlState(done).empty() && !postgres::IsDataFault(done)) {
      return service::DatabaseUnavailable();
    }
    return Blameless(done);
  }
}

absl::Status Transact(postgres::Pool& pool,
                      absl::FunctionRef<absl::Status(outbox::UnitOfWork&)> body) {
  return Read(pool, [&](postgres::Connection& connection) { return Attempt(connection, body); });
}

absl::Status TransactOnce(postgres::Pool& pool, const google::protobuf::Message& request,
                          absl::FunctionRef<absl::Status(outbox::UnitOfWork&, bool)> body) {
  const auto* field = request.GetDescriptor()->FindFieldByName("request_id");
  ORDER_SAGA_CHECK(field != nullptr, "a call that is done once has a request_id");
  const std::string text = request.GetReflection()->GetString(request, field);
  service::Violations violations;
  CheckRequestId(text, violations);
  if (!violations.empty()) return violations.ToStatus();
  // One of our own too, so that a lost commit is found again.
  const uuid::Uuid request_id = text.empty() ? uuid::NewV7() : *uuid::Parse(text);
  return Transact(pool, [&](outbox::UnitOfWork& work) {
    auto is_new = Claim(work.transaction(), request_id, request);
    return is_new.ok() ? body(work, *is_new) : is_new.status();
  });
}

}  // namespace requests
