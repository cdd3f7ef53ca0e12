// One command of a saga as its participant sees it, and the answer it gets.
#ifndef ORDER_SAGA_LIBS_PARTICIPANT_COMMAND_H_
#define ORDER_SAGA_LIBS_PARTICIPANT_COMMAND_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "libs/uuid/uuid.h"
#include "saga/v1/envelope.pb.h"

namespace participant {

class Command {
 public:
  // `envelope` carries a command with these ids.
  Command(saga::v1::Envelope envelope, const uuid::Uuid& tx_id, const uuid::Uuid& command_id,
          std::optional<std::string> traceparent, std::string tracestate);

  const uuid::Uuid& tx_id() const { return tx_id_; }
  const uuid::Uuid& command_id() const { return command_id_; }
  // What is asked: body_case() says which command.
  const saga::v1::Envelope& request() const { return request_; }
  const std::optional<std::string>& traceparent() const { return traceparent_; }
  const std::string& tracestate() const { return tracestate_; }  // empty: none

  // The answer, final: it is kept and repeated for ever. One of these, once:
  // done, with an outcome (CANCELLED) only where the command's contract names one,
  void Approve(std::string_view outcome = "");
  // or refused: `outcome` for programs (OUT_OF_STOCK), `message` for people.
  void Reject(std::string_view outcome, std::string message);
  // The reply's body, for what an approval brings (a bill). Its type must be set in any case:
  // touching the mutable_…_reply() of the command is enough.
  saga::v1::Envelope& reply() { return reply_; }
  const saga::v1::Envelope& reply() const { return reply_; }

  // A command that is neither approved nor rejected waits for somebody: its reply comes later, by
  // KeepAndSend (replies.h).
  bool answered() const { return reply_.status() != saga::v1::Envelope::STATUS_UNSPECIFIED; }

  // What a reply that comes later needs, to be kept in a bytea column.
  std::string Remember() const;
  static absl::StatusOr<Command> FromMemory(std::string_view bytes);

 private:
  saga::v1::Envelope request_;
  uuid::Uuid tx_id_;
  uuid::Uuid command_id_;
  std::optional<std::string> traceparent_;
  std::string tracestate_;
  saga::v1::Envelope reply_;
};

}  // namespace participant

#endif  // ORDER_SAGA_LIBS_PARTICIPANT_COMMAND_H_
