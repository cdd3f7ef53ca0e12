// What was sent to and answered by a saga's participants (table saga_log).
#ifndef ORDER_SAGA_LIBS_ORCHESTRATOR_SAGA_LOG_H_
#define ORDER_SAGA_LIBS_ORCHESTRATOR_SAGA_LOG_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "libs/postgres/transaction.h"
#include "libs/saga/decider.h"
#include "libs/uuid/uuid.h"
#include "saga/v1/envelope.pb.h"

namespace orchestrator {

// Stored, and the numbers of saga.v1.SagaEvent.Kind: never change them.
enum class LogKind { kCommand = 1, kReply = 2, kStaleReply = 3 };

// The entries of one transaction.
class SagaLog {
 public:
  void AddCommand(const uuid::Uuid& tx_id, const saga::CommandToSend& command);
  // `command` is the name of the command that is answered; empty if nothing waits for the reply.
  void AddReply(const uuid::Uuid& tx_id, const uuid::Uuid& command_id, const std::string& command,
                const saga::v1::Envelope& reply, bool stale);

  // Inserts the entries, in order, with one statement.
  absl::Status Flush(postgres::Transaction& transaction);

 private:
  std::vector<uuid::Uuid> tx_ids_, command_ids_;
  std::vector<int64_t> kinds_, attempts_, approved_;  // approved: 0, 1, or -1 for a command
  std::vector<std::string> steps_, commands_, outcomes_, messages_;
};

}  // namespace orchestrator

#endif  // ORDER_SAGA_LIBS_ORCHESTRATOR_SAGA_LOG_H_
