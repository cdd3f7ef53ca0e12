#ifndef ORDER_SAGA_LIBS_INBOX_HANDLER_H_
#define ORDER_SAGA_LIBS_INBOX_HANDLER_H_

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "libs/inbox/delivery.h"
#include "libs/outbox/unit_of_work.h"

namespace inbox {

// What a service does with messages. Called by one thread at a time.
class Handler {
 public:
  virtual ~Handler() = default;

  // Applies a batch of messages, none of which was applied before, in this order and in this unit
  // of work. A refusal of the domain is an outcome (a reply), not an error; a message that cannot
  // be read is marked with Delivery::DeadLetter.
  //
  // After an error everything is rolled back and the batch comes again with fresh objects: as a
  // whole when the surroundings were at fault (postgres::ShouldRerun, IsOutage), one by
  // one when a message may be (a data fault, or an InvalidArgument, FailedPrecondition or DataLoss
  // of the handler's own); the one that fails alone is parked with its saga.
  virtual absl::Status Handle(outbox::UnitOfWork& work, absl::Span<Delivery* const> batch) = 0;
};

}  // namespace inbox

#endif  // ORDER_SAGA_LIBS_INBOX_HANDLER_H_
