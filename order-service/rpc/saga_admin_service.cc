#include "order-service/rpc/saga_admin_service.h"

#include <google/protobuf/util/time_util.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "libs/orchestrator/saga_queries.h"
#include "libs/requests/page.h"
#include "libs/requests/transact.h"
#include "libs/saga/diagram.h"
#include "libs/service/errors.h"
#include "libs/service/rpc_status.h"

namespace order {
namespace {

using google::protobuf::util::TimeUtil;

// A saga has some 20; strangers who may write to the topics can add stale replies without end.
constexpr int64_t kMaxEvents = 1'000;

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

absl::Status ReadSaga(postgres::Connection& connection, const uuid::Uuid& tx_id,
                      saga::v1::Saga& out) {
  auto row = orchestrator::FindSaga(connection, tx_id);
  if (!row.ok()) return row.status();
  if (!row->has_value()) {
    const std::string id = uuid::ToString(tx_id);
    return service::Error(absl::StatusCode::kNotFound, "SAGA_NOT_FOUND", "there is no saga " + id,
                          {{"tx_id", id}});
  }
  auto log = orchestrator::ReadLog(connection, tx_id, kMaxEvents + 1);
  if (!log.ok()) return log.status();
  out = ToMessage(**row);
  out.set_events_truncated(log->size() > kMaxEvents);
  if (out.events_truncated()) log->pop_back();
  for (const orchestrator::LogEntry& entry : *log) *out.add_events() = ToMessage(entry);
  return absl::OkStatus();
}

}  // namespace

grpc::Status SagaAdminService::ListSagas(grpc::ServerContext* context,
                                         const saga::v1::ListSagasRequest* request,
                                         saga::v1::ListSagasResponse* response) {
  service::Violations violations;
  violations.Require(saga::v1::Saga::State_IsValid(request->state()), "state",
                     "is no state of a saga");
  std::optional<saga::State> state;
  if (request->state() != saga::v1::Saga::STATE_UNSPECIFIED) {
    state = static_cast<saga::State>(request->state());
  }
  const std::string list = absl::StrCat("sagas ", static_cast<int>(request->state()));
  const requests::Page page =
      requests::PageOf(list, request->page_size(), request->page_token(), violations);
  const uuid::Uuid before = requests::IdAfter(page, requests::GreatestId(), violations);
  if (!violations.empty()) return service::ToGrpc(context, violations.ToStatus());
  return service::ToGrpc(context, requests::Read(pool_, [&](postgres::Connection& connection) {
                           auto found =
                               orchestrator::ListSagas(connection, state, before, page.limit);
                           if (!found.ok()) return found.status();
                           response->Clear();
                           for (const orchestrator::SagaRow& row : found->sagas)
                             *response->add_sagas() = ToMessage(row);
                           if (found->more) {
                             const std::string last = uuid::ToString(found->sagas.back().tx_id);
                             response->set_next_page_token(requests::TokenAfter(list, last));
                           }
                           return absl::OkStatus();
                         }));
}

grpc::Status SagaAdminService::GetSaga(grpc::ServerContext* context,
                                       const saga::v1::GetSagaRequest* request,
                                       saga::v1::GetSagaResponse* response) {
  auto id = uuid::Parse(request->tx_id());
  if (!id.ok()) {
    service::Violations violations;
    violations.Add("tx_id", std::string(id.status().message()));
    return service::ToGrpc(context, violations.ToStatus());
  }
  return service::ToGrpc(context, requests::Read(pool_, [&](postgres::Connection& connection) {
                           return ReadSaga(connection, *id, *response->mutable_saga());
                         }));
}

grpc::Status SagaAdminService::DescribeSagaType(grpc::ServerContext* context,
                                                const saga::v1::DescribeSagaTypeRequest* request,
                                                saga::v1::DescribeSagaTypeResponse* response) {
  if (request->type() != table_.type) {
    return service::ToGrpc(
        context, service::Error(
                     absl::StatusCode::kNotFound, "SAGA_TYPE_NOT_FOUND",
                     "there is no saga type \"" + request->type() + "\"; there is " + table_.type));
  }
  response->set_mermaid(saga::Mermaid(table_));
  return grpc::Status::OK;
}

}  // namespace order
