// Reading sagas, for operators.
#ifndef ORDER_SAGA_LIBS_ORCHESTRATOR_SAGA_QUERIES_H_
#define ORDER_SAGA_LIBS_ORCHESTRATOR_SAGA_QUERIES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/orchestrator/saga_log.h"
#include "libs/orchestrator/saga_rows.h"
#include "libs/postgres/connection.h"

namespace orchestrator {

// Nothing if there is no such saga.
absl::StatusOr<std::optional<SagaRow>> FindSaga(postgres::Connection& connection,
                                                const uuid::Uuid& tx_id);

struct SagaPage {
  std::vector<SagaRow> sagas;  // newest first
  bool more = false;
};

// At most `limit` sagas older than `before`, in one state or in any.
absl::StatusOr<SagaPage> ListSagas(postgres::Connection& connection,
                                   std::optional<saga::State> state, const uuid::Uuid& before,
                                   int64_t limit);

struct LogEntry {
  LogKind kind = LogKind::kCommand;
  int64_t unix_microseconds = 0;
  std::string step;
  std::string command;
  uuid::Uuid command_id;
  int64_t attempt = 0;
  std::optional<bool> approved;  // replies
  std::string outcome;
  std::string message;
};

// In the order in which it happened, the first `limit` entries.
absl::StatusOr<std::vector<LogEntry>> ReadLog(postgres::Connection& connection,
                                              const uuid::Uuid& tx_id, int64_t limit);

}  // namespace orchestrator

#endif  // ORDER_SAGA_LIBS_ORCHESTRATOR_SAGA_QUERIES_H_
