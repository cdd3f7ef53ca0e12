// Replies to sagas that are not there, or not there yet.
#ifndef ORDER_SAGA_LIBS_ORCHESTRATOR_UNKNOWN_SAGAS_H_
#define ORDER_SAGA_LIBS_ORCHESTRATOR_UNKNOWN_SAGAS_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "libs/postgres/transaction.h"
#include "libs/uuid/uuid.h"

namespace orchestrator {

// A reply can be faster than its saga. Postgres streams a transaction to the relay as soon as its
// commit is in the log, and shows its rows to others only after that: a moment later, or, with
// synchronous standbys, when these have answered. So a saga that nobody sees is unknown only when
// every transaction that may have been making it has ended.
class UnknownSagas {
 public:
  // For sagas that this transaction has looked for in vain. Ok: they do not exist. Aborted: one may
  // be about to appear; roll back, and look again in a new transaction.
  absl::Status Confirm(postgres::Transaction& transaction, const std::vector<uuid::Uuid>& tx_ids);

 private:
  using Writers = std::set<std::string>;

  // Who was writing when the saga was first missed: only these can be making it.
  std::map<uuid::Uuid, Writers> missed_;
};

}  // namespace orchestrator

#endif  // ORDER_SAGA_LIBS_ORCHESTRATOR_UNKNOWN_SAGAS_H_
