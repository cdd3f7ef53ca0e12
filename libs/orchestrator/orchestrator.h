// The orchestrator's half of the saga protocol: replies in, decisions stored, commands out, all in
// one transaction. The decisions themselves are libs/saga.
#ifndef ORDER_SAGA_LIBS_ORCHESTRATOR_ORCHESTRATOR_H_
#define ORDER_SAGA_LIBS_ORCHESTRATOR_ORCHESTRATOR_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "libs/envelope/envelope.h"
#include "libs/inbox/handler.h"
#include "libs/orchestrator/metrics.h"
#include "libs/orchestrator/saga_owner.h"
#include "libs/orchestrator/unknown_sagas.h"
#include "libs/outbox/unit_of_work.h"
#include "prometheus/registry.h"

namespace orchestrator {

// A saga to begin.
struct Begin {
  uuid::Uuid tx_id;
  std::string data;  // the owner's
  std::optional<std::string> traceparent;
  std::string tracestate = {};  // empty: none
};

// Start may be called from any thread; Handle by one at a time.
class Orchestrator : public inbox::Handler {
 public:
  // `owner` and `metrics` are not owned.
  Orchestrator(SagaOwner& owner, envelope::Format format, prometheus::Registry& metrics)
      : owner_(owner), format_(format), metrics_(metrics) {}

  // Begins sagas: their rows, and the first step's commands.
  absl::Status Start(outbox::UnitOfWork& work, absl::Span<const Begin> begins);

  // Decides a batch of replies. A reply to a saga that does not exist is a dead letter. Aborted: a
  // saga may be about to become visible (unknown_sagas.h). Unimplemented: a saga began with a step
  // table that this program lacks, as in the middle of a deployment. Nothing is parked then: the
  // batch waits, and is applied once a program that has the table gets it.
  absl::Status Handle(outbox::UnitOfWork& work, absl::Span<inbox::Delivery* const> batch) override;

 private:
  absl::Status Send(outbox::UnitOfWork& work, const SagaRow& row,
                    const std::vector<saga::CommandToSend>& commands) const;

  SagaOwner& owner_;
  const envelope::Format format_;
  Metrics metrics_;
  UnknownSagas unknown_;
};

}  // namespace orchestrator

#endif  // ORDER_SAGA_LIBS_ORCHESTRATOR_ORCHESTRATOR_H_
