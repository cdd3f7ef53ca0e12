// The answers that a participant has given (table command_replies).
#ifndef ORDER_SAGA_LIBS_PARTICIPANT_REPLIES_H_
#define ORDER_SAGA_LIBS_PARTICIPANT_REPLIES_H_

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libs/envelope/envelope.h"
#include "libs/outbox/unit_of_work.h"
#include "libs/participant/command.h"

namespace participant {

// Where replies go and how they are written.
struct ReplyOptions {
  std::string topic;  // in full
  envelope::Format format = envelope::Format::kProtobuf;
};

// Those of the commands that were answered before, by command id, with the answer.
absl::StatusOr<absl::flat_hash_map<uuid::Uuid, saga::v1::Envelope>> FindReplies(
    postgres::Transaction& transaction, absl::Span<const Command* const> commands);

// Keeps the answers of commands, each answered for the first time, and sends them. Aborted (run the
// transaction again) if another transaction has answered one of them in the meantime.
absl::Status KeepAndSend(outbox::UnitOfWork& work, const ReplyOptions& options,
                         absl::Span<const Command* const> answered);

// Sends an answer that was kept, once more.
void SendAgain(outbox::UnitOfWork& work, const ReplyOptions& options, const Command& command,
               const saga::v1::Envelope& reply);

}  // namespace participant

#endif  // ORDER_SAGA_LIBS_PARTICIPANT_REPLIES_H_
