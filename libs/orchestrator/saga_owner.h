#ifndef ORDER_SAGA_LIBS_ORCHESTRATOR_SAGA_OWNER_H_
#define ORDER_SAGA_LIBS_ORCHESTRATOR_SAGA_OWNER_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "libs/orchestrator/saga_rows.h"
#include "libs/outbox/unit_of_work.h"
#include "libs/saga/decider.h"
#include "libs/saga/step_table.h"
#include "saga/v1/envelope.pb.h"

namespace orchestrator {

// One thing that happened to a saga, for its owner.
struct Happened {
  const SagaRow* row;
  saga::Event event;
};

// What a service adds to the engine for one type of saga: the table, what the commands say, and
// what becomes of its own rows. Everything but React is pure.
class SagaOwner {
 public:
  virtual ~SagaOwner() = default;

  // What new sagas begin with. Validated; the same for as long as the owner lives.
  virtual const saga::StepTable& table() const = 0;

  // The table of a saga that began with this version; null if this program does not have it. An
  // owner whose table has changed overrides this: sagas under way end as they began.
  virtual const saga::StepTable* FindTable(int version) const {
    return version == table().version ? &table() : nullptr;
  }

  // Sets the body of a command. FailedPrecondition if `data` lacks what it needs.
  virtual absl::Status Fill(const saga::CommandToSend& command, std::string_view data,
                            saga::v1::Envelope& envelope) const = 0;

  // Takes over what the reply to `command` brings into the saga's data (a bill). Called for replies
  // that would count. InvalidArgument, with `data` unchanged, if the body is not the one that
  // answers the command: the reply is a dead letter then.
  virtual absl::Status Absorb(std::string_view command, const saga::v1::Envelope& reply,
                              std::string& data) const = 0;

  // Changes the owner's rows in the same unit of work. The sagas are locked; the owner locks its
  // own rows after them, in the order of their ids.
  virtual absl::Status React(outbox::UnitOfWork& work, absl::Span<const Happened> happened) = 0;
};

}  // namespace orchestrator

#endif  // ORDER_SAGA_LIBS_ORCHESTRATOR_SAGA_OWNER_H_
