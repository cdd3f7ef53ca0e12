// The table of sagas.
#ifndef ORDER_SAGA_LIBS_ORCHESTRATOR_SAGA_ROWS_H_
#define ORDER_SAGA_LIBS_ORCHESTRATOR_SAGA_ROWS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/postgres/result.h"
#include "libs/postgres/transaction.h"
#include "libs/saga/saga_state.h"
#include "libs/uuid/uuid.h"

namespace orchestrator {

struct SagaRow {
  uuid::Uuid tx_id;
  saga::Saga saga;
  // The owner's, opaque here: what its commands are built from.
  std::string data;
  std::optional<std::string> traceparent;
  std::string tracestate = {};  // empty: none
  int64_t created_unix_microseconds = 0;
  int64_t updated_unix_microseconds = 0;
};

// The columns that ReadRow understands, in its order.
extern const char kSagaColumns[];
absl::StatusOr<SagaRow> ReadRow(const postgres::Result& rows, int row);

// Those of `tx_ids` that exist, locked in the order of their ids: everybody who locks several sagas
// does it so, and before any other row.
absl::StatusOr<std::map<uuid::Uuid, SagaRow>> LockSagas(postgres::Transaction& transaction,
                                                        std::vector<uuid::Uuid> tx_ids);

absl::Status InsertSagas(postgres::Transaction& transaction, absl::Span<const SagaRow* const> rows);

// One statement for all; the rows must be locked.
absl::Status UpdateSagas(postgres::Transaction& transaction, absl::Span<const SagaRow* const> rows);

}  // namespace orchestrator

#endif  // ORDER_SAGA_LIBS_ORCHESTRATOR_SAGA_ROWS_H_
