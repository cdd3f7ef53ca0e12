#include "libs/participant/replies.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"

namespace participant {

absl::StatusOr<absl::flat_hash_map<uuid::Uuid, saga::v1::Envelope>> FindReplies(
    postgres::Transaction& transaction, absl::Span<const Command* const> commands) {
  std::vector<uuid::Uuid> tx_ids, command_ids;
  for (const Command* command : commands) {
    tx_ids.push_back(command->tx_id());
    command_ids.push_back(command->command_id());
  }
  auto rows = transaction.Execute(
      "SELECT r.command_id, r.reply FROM unnest($1::uuid[], $2::uuid[]) AS c (tx_id, command_id) "
      "JOIN command_replies r USING (tx_id, command_id)",
      postgres::Params().Ids(tx_ids).Ids(command_ids));
  if (!rows.ok()) return rows.status();
  absl::flat_hash_map<uuid::Uuid, saga::v1::Envelope> replies;
  for (int i = 0; i < rows->rows(); ++i) {
    const std::string_view bytes = rows->Text(i, 1);
    if (!replies[rows->Id(i, 0)].ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return absl::DataLossError(absl::StrCat("command_replies holds a reply that does not parse: ",
                                              uuid::ToString(rows->Id(i, 0))));
    }
  }
  return replies;
}

absl::Status KeepAndSend(outbox::UnitOfWork& work, const ReplyOptions& options,
                         absl::Span<const Command* const> answered) {
  if (answered.empty()) return absl::OkStatus();
  // One order for everybody who inserts, so that nobody waits in a circle.
  std::vector<const Command*> sorted(answered.begin(), answered.end());
  std::ranges::sort(sorted, {}, [](const Command* c) { return c->command_id(); });
  std::vector<uuid::Uuid> tx_ids, command_ids;
  std::vector<std::optional<std::string>> replies;
  for (const Command* command : sorted) {
    tx_ids.push_back(command->tx_id());
    command_ids.push_back(command->command_id());
    replies.emplace_back(command->reply().SerializeAsString());
  }
  auto kept = work.transaction().Execute(
      "INSERT INTO command_replies (tx_id, command_id, reply) "
      "SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[]) ON CONFLICT DO NOTHING",
      postgres::Params().Ids(tx_ids).Ids(command_ids).NullableBytes(replies));
  if (!kept.ok()) return kept.status();
  if (kept->affected() != static_cast<int64_t>(sorted.size())) {
    return absl::AbortedError("a command was answered by another transaction in the meantime");
  }
  for (const Command* command : answered) {
    SendAgain(work, options, *command, command->reply());
  }
  return absl::OkStatus();
}

void SendAgain(outbox::UnitOfWork& work, const ReplyOptions& options, const Command& command,
               const saga::v1::Envelope& reply) {
  work.outbox().Add(envelope::ToEvent(reply, options.format, options.topic, command.traceparent(),
                                      command.tracestate()));
}

}  // namespace participant
