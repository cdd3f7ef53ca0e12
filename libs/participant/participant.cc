#include "libs/participant/participant.h"

#include <deque>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "libs/envelope/envelope.h"
#include "libs/telemetry/log.h"
#include "libs/telemetry/traceparent.h"

namespace participant {
namespace {

// A line for each answer, when it is committed: refusals always, what was done for those who debug.
void LogAnswer(outbox::UnitOfWork& work, const Command& command) {
  const saga::v1::Envelope& reply = command.reply();
  const bool refused = reply.status() == saga::v1::Envelope::REJECTED;
  const telemetry::Level level = refused ? telemetry::Level::kInfo : telemetry::Level::kDebug;
  if (!telemetry::LogEnabled(level)) return;
  work.AfterCommit([level, refused, tx_id = reply.tx_id(),
                    trace = command.traceparent().value_or(""), step = reply.step(),
                    type = envelope::BodyType(command.request()), outcome = reply.outcome(),
                    message = reply.message()] {
    telemetry::Log(level, refused ? "command refused" : "command done",
                   {{"tx_id", tx_id},
                    {"trace_id", telemetry::TraceIdIn(trace)},
                    {"step", step},
                    {"command", type},
                    {"outcome", outcome},
                    {"reason", message}});
  });
}

}  // namespace

absl::Status Participant::Handle(outbox::UnitOfWork& work,
                                 absl::Span<inbox::Delivery* const> batch) {
  std::deque<Command> commands;  // stable addresses
  for (inbox::Delivery* delivery : batch) {
    auto parsed = envelope::Parse(delivery->payload(), delivery->content_type());
    if (!parsed.ok()) {
      delivery->DeadLetter(std::string(parsed.status().message()));
    } else if (!handler_.Handles(parsed->envelope)) {
      delivery->DeadLetter(
          absl::StrCat(envelope::BodyType(parsed->envelope), " is no command for this service"));
    } else if (delivery->key() != uuid::ToString(parsed->tx_id)) {
      delivery->DeadLetter("the key is not the tx_id");
    } else {
      commands.emplace_back(std::move(parsed->envelope), parsed->tx_id, parsed->command_id,
                            delivery->traceparent(), delivery->tracestate());
    }
  }
  if (commands.empty()) return absl::OkStatus();

  std::vector<Command*> all;
  for (Command& command : commands) all.push_back(&command);
  auto kept = FindReplies(work.transaction(), all);
  if (!kept.ok()) return kept.status();

  // The first of each command is decided; what repeats it in the same batch gets its answer.
  std::vector<Command*> fresh;
  std::vector<std::pair<const Command*, const Command*>> repeats;  // the repeat, the first
  absl::flat_hash_map<uuid::Uuid, const Command*> first;
  for (Command* command : all) {
    if (auto found = kept->find(command->command_id()); found != kept->end()) {
      SendAgain(work, replies_, *command, found->second);
    } else if (auto [it, is_first] = first.emplace(command->command_id(), command); is_first) {
      fresh.push_back(command);
    } else {
      repeats.emplace_back(command, it->second);
    }
  }
  if (fresh.empty()) return absl::OkStatus();
  if (absl::Status handled = handler_.Handle(work, fresh); !handled.ok()) return handled;

  std::vector<const Command*> answered;
  for (const Command* command : fresh) {
    if (!command->answered()) continue;
    answered.push_back(command);
    LogAnswer(work, *command);
  }
  if (absl::Status sent = KeepAndSend(work, replies_, answered); !sent.ok()) return sent;
  for (const auto& [repeat, original] : repeats) {
    if (original->answered()) SendAgain(work, replies_, *repeat, original->reply());
  }
  return absl::OkStatus();
}

}  // namespace participant
