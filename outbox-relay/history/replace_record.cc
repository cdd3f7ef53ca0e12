#include "outbox-relay/history/replace_record.h"

#include <chrono>

#include "outbox-relay/history/state_table.h"

namespace relay {

absl::Status ReplaceRecord(postgres::Connection& connection, const StateTopicOptions& topic,
                           const HistoryRecord& record) {
  constexpr std::chrono::seconds kPatience(5);
  if (absl::Status stored = ReplaceStateRow(connection, record); !stored.ok()) return stored;
  if (!EnsureStateTopic(topic, kPatience).ok()) return absl::OkStatus();
  auto writer = StateTopicWriter::Create(topic);
  if (!writer.ok()) return writer.status();
  (*writer)->Write(record);
  (*writer)->Flush(kPatience);
  return absl::OkStatus();
}

}  // namespace relay
