// The participant's half of the saga protocol: each command does its work once, its answer is kept,
// and whoever asks again gets the same answer.
//
// A message's id and a command's id are two things. The inbox drops a message that Kafka delivers
// twice. A command that the orchestrator sends again comes in a new message; it is recognised here,
// by its command id.
#ifndef ORDER_SAGA_LIBS_PARTICIPANT_PARTICIPANT_H_
#define ORDER_SAGA_LIBS_PARTICIPANT_PARTICIPANT_H_

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "libs/inbox/handler.h"
#include "libs/outbox/unit_of_work.h"
#include "libs/participant/command.h"
#include "libs/participant/replies.h"

namespace participant {

// A service's command handler: the domain's door.
class CommandHandler {
 public:
  virtual ~CommandHandler() = default;

  // Whether this service answers such a command; others are dead letters.
  virtual bool Handles(const saga::v1::Envelope& command) const = 0;

  // Decides a batch of commands in this order, each of which was never answered before, and stores
  // what follows, in this unit of work. A command left unanswered must have been stored (its
  // Remember()), so that somebody can answer it later. Errors as for inbox::Handler.
  virtual absl::Status Handle(outbox::UnitOfWork& work, absl::Span<Command* const> batch) = 0;
};

class Participant : public inbox::Handler {
 public:
  // `handler` is not owned.
  Participant(CommandHandler& handler, ReplyOptions replies)
      : handler_(handler), replies_(std::move(replies)) {}

  absl::Status Handle(outbox::UnitOfWork& work, absl::Span<inbox::Delivery* const> batch) override;

 private:
  CommandHandler& handler_;
  const ReplyOptions replies_;
};

}  // namespace participant

#endif  // ORDER_SAGA_LIBS_PARTICIPANT_PARTICIPANT_H_
