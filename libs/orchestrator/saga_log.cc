#include "libs/orchestrator/saga_log.h"

#include "libs/telemetry/check.h"

namespace orchestrator {

void SagaLog::AddCommand(const uuid::Uuid& tx_id, const saga::CommandToSend& command) {
  auto command_id = uuid::Parse(command.command_id);
  ORDER_SAGA_CHECK(command_id.ok(), "the decider makes UUIDs");
  tx_ids_.push_back(tx_id);
  command_ids_.push_back(*command_id);
  kinds_.push_back(static_cast<int64_t>(LogKind::kCommand));
  attempts_.push_back(command.attempt);
  approved_.push_back(-1);
  steps_.push_back(command.step);
  commands_.push_back(command.name);
  outcomes_.emplace_back();
  messages_.emplace_back();
}

void SagaLog::AddReply(const uuid::Uuid& tx_id, const uuid::Uuid& command_id,
                       const std::string& command, const saga::v1::Envelope& reply, bool stale) {
  tx_ids_.push_back(tx_id);
  command_ids_.push_back(command_id);
  kinds_.push_back(static_cast<int64_t>(stale ? LogKind::kStaleReply : LogKind::kReply));
  attempts_.push_back(reply.attempt());
  approved_.push_back(reply.status() == saga::v1::Envelope::APPROVED ? 1 : 0);
  steps_.push_back(reply.step());
  commands_.push_back(command);
  outcomes_.push_back(reply.outcome());
  messages_.push_back(reply.message());
}

absl::Status SagaLog::Flush(postgres::Transaction& transaction) {
  if (tx_ids_.empty()) return absl::OkStatus();
  absl::Status inserted = transaction
                              .Execute(
                                  R"sql(
                INSERT INTO saga_log (tx_id, kind, step, command, command_id, attempt, approved,
                                      outcome, message)
                SELECT tx_id, kind, step, command, command_id, attempt,
                       CASE approved WHEN 1 THEN true WHEN 0 THEN false END, outcome, message
                  FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::uuid[],
                              $6::bigint[], $7::bigint[], $8::text[], $9::text[])
                    AS e (tx_id, kind, step, command, command_id, attempt, approved, outcome,
                          message)
              )sql",
                                  postgres::Params()
                                      .Ids(tx_ids_)
                                      .Int64s(kinds_)
                                      .Texts(steps_)
                                      .Texts(commands_)
                                      .Ids(command_ids_)
                                      .Int64s(attempts_)
                                      .Int64s(approved_)
                                      .Texts(outcomes_)
                                      .Texts(messages_))
                              .status();
  *this = SagaLog();
  return inserted;
}

}  // namespace orchestrator
