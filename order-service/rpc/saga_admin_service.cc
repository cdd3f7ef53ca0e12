#include "order-service/rpc/saga_admin_service.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "libs/orchestrator/saga_queries.h"
#include "libs/saga/diagram.h"
#include "libs/service/errors.h"
#include "libs/service/rpc_status.h"

namespace order {
namespace {

using google::protobuf::util::TimeUtil;

constexpr absl::Duration kConnectionWait = absl::Seconds(2);
constexpr int64_t kDefaultPageSize = 50;
constexpr int64_t kMaxPageSize = 500;

saga::v1::Saga ToMessage(const orchestrator::SagaRow& row) {
  saga::v1::Saga out;
  out.set_tx_id(row.saga.tx_id);
  out.set_type(row.saga.type);
  out.set_table_version(row.saga.table_version);
  out.set_state(static_cast<saga::v1::Saga::State>(row.saga.state));  // the same numbers
  out.set_step(row.saga.step);
  if (row.saga.refusal.has_value()) out.set_reason(row.saga.refusal->outcome);
  if (row.saga.parked.has_value()) out.set_parked_reason(row.saga.parked->outcome);
  *out.mutable_create_time() = TimeUtil::MicrosecondsToTimestamp(row.created_unix_microseconds);
  *out.mutable_update_time() = TimeUtil::MicrosecondsToTimestamp(row.updated_unix_microseconds);
  return out;
}

saga::v1::SagaEvent ToMessage(const orchestrator::LogEntry& entry) {
  saga::v1::SagaEvent out;
  out.set_kind(static_cast<saga::v1::SagaEvent::Kind>(entry.kind));  // the same numbers
  *out.mutable_event_time() = TimeUtil::MicrosecondsToTimestamp(entry.unix_microseconds);
  out.set_step(entry.step);
  out.set_command(entry.command);
  out.set_command_id(uuid::ToString(entry.command_id));
  out.set_attempt(static_cast<int32_t>(entry.attempt));
  if (entry.approved.has_value()) out.set_status(*entry.approved ? "APPROVED" : "REJECTED");
  out.set_outcome(entry.outcome);
  out.set_message(entry.message);
  return out;
}

absl::StatusOr<saga::v1::Saga> ReadSaga(postgres::Pool& pool, const std::string& tx_id) {
  auto id = uuid::Parse(tx_id);
  if (!id.ok()) {
    service::Violations violations;
    violations.Add("tx_id", std::string(id.status().message()));
    return violations.ToStatus();
  }
  auto lease = pool.Acquire(kConnectionWait);
  if (!lease.ok()) return lease.status();
  auto row = orchestrator::FindSaga(**lease, *id);
  if (!row.ok()) return row.status();
  if (!row->has_value()) {
    return service::Error(absl::StatusCode::kNotFound, "SAGA_NOT_FOUND",
                          "there is no saga " + tx_id, {{"tx_id", tx_id}});
  }
  auto log = orchestrator::ReadLog(**lease, *id);
  if (!log.ok()) return log.status();
  saga::v1::Saga out = ToMessage(**row);
  for (const orchestrator::LogEntry& entry : *log) *out.add_events() = ToMessage(entry);
  return out;
}

}  // namespace

grpc::Status SagaAdminService::ListSagas(grpc::ServerContext*,
                                         const saga::v1::ListSagasRequest* request,
                                         saga::v1::ListSagasResponse* response) {
  service::Violations violations;
  violations.Require(request->page_size() >= 0, "page_size", "must not be negative");
  violations.Require(saga::v1::Saga::State_IsValid(request->state()), "state",
                     "is no state of a saga");
  std::optional<uuid::Uuid> before;
  if (!request->page_token().empty()) {
    std::string bytes;
    const bool sound =
        absl::WebSafeBase64Unescape(request->page_token(), &bytes) && bytes.size() == 16;
    violations.Require(sound, "page_token", "is not a next_page_token of ListSagas");
    if (sound) before = uuid::FromBytes(bytes);
  }
  if (!violations.empty()) return service::ToGrpc(violations.ToStatus());
  std::optional<saga::State> state;
  if (request->state() != saga::v1::Saga::STATE_UNSPECIFIED) {
    state = static_cast<saga::State>(request->state());
  }
  const int64_t limit = request->page_size() == 0
                            ? kDefaultPageSize
                            : std::min<int64_t>(request->page_size(), kMaxPageSize);
  auto lease = pool_.Acquire(kConnectionWait);
  if (!lease.ok()) return service::ToGrpc(lease.status());
  auto page = orchestrator::ListSagas(**lease, state, before, limit);
  if (!page.ok()) return service::ToGrpc(page.status());
  for (const orchestrator::SagaRow& row : page->sagas) *response->add_sagas() = ToMessage(row);
  if (page->more) {
    const std::string last(page->sagas.back().tx_id.view());
    response->set_next_page_token(absl::WebSafeBase64Escape(last));
  }
  return grpc::Status::OK;
}

grpc::Status SagaAdminService::GetSaga(grpc::ServerContext*,
                                       const saga::v1::GetSagaRequest* request,
                                       saga::v1::GetSagaResponse* response) {
  auto found = ReadSaga(pool_, request->tx_id());
  if (!found.ok()) return service::ToGrpc(found.status());
  *response->mutable_saga() = *std::move(found);
  return grpc::Status::OK;
}

grpc::Status SagaAdminService::DescribeSagaType(grpc::ServerContext*,
                                                const saga::v1::DescribeSagaTypeRequest* request,
                                                saga::v1::DescribeSagaTypeResponse* response) {
  if (request->type() != table_.type) {
    return service::ToGrpc(service::Error(
        absl::StatusCode::kNotFound, "SAGA_TYPE_NOT_FOUND",
        "there is no saga type \"" + request->type() + "\"; there is " + table_.type));
  }
  response->set_mermaid(saga::Mermaid(table_));
  return grpc::Status::OK;
}

}  // namespace order
