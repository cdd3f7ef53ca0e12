#include "libs/participant/command.h"

#include <utility>

#include "absl/strings/str_split.h"
#include "libs/envelope/envelope.h"

namespace participant {

using saga::v1::Envelope;

Command::Command(Envelope envelope, const uuid::Uuid& tx_id, const uuid::Uuid& command_id,
                 std::optional<std::string> traceparent, std::string tracestate)
    : request_(std::move(envelope)),
      tx_id_(tx_id),
      command_id_(command_id),
      traceparent_(std::move(traceparent)),
      tracestate_(std::move(tracestate)) {
  reply_.set_target(request_.target());
  reply_.set_tx_id(request_.tx_id());
  reply_.set_step(request_.step());
  reply_.set_command_id(request_.command_id());
  reply_.set_attempt(request_.attempt());
}

void Command::Approve(std::string_view outcome) {
  reply_.set_status(Envelope::APPROVED);
  reply_.set_outcome(std::string(outcome));
}

void Command::Reject(std::string_view outcome, std::string message) {
  reply_.set_status(Envelope::REJECTED);
  reply_.set_outcome(std::string(outcome));
  // No database text can hold a NUL, and a reply that nobody can store would strand its saga.
  std::erase(message, '\0');
  reply_.set_message(std::move(message));
}

// The memory is the request, with the trace in its otherwise unused field `message`: the
// traceparent, and behind a line's end the tracestate.
std::string Command::Remember() const {
  Envelope memory = request_;
  std::string trace = traceparent_.value_or("");
  if (!tracestate_.empty()) trace += "\n" + tracestate_;
  memory.set_message(trace);
  return memory.SerializeAsString();
}

absl::StatusOr<Command> Command::FromMemory(std::string_view bytes) {
  auto parsed = envelope::Parse(bytes, "application/protobuf");
  if (!parsed.ok()) return parsed.status();
  const std::pair<std::string, std::string> trace =
      absl::StrSplit(parsed->envelope.message(), absl::MaxSplits('\n', 1));
  std::optional<std::string> traceparent;
  if (!trace.first.empty()) traceparent = trace.first;
  return Command(std::move(parsed->envelope), parsed->tx_id, parsed->command_id, traceparent,
                 trace.second);
}

}  // namespace participant
