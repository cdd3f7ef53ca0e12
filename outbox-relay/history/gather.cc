#include "outbox-relay/history/gather.h"

#include <utility>

#include "libs/postgres/sql_error.h"
#include "outbox-relay/history/state_table.h"
#include "outbox-relay/source/timeline_history.h"

namespace relay {

absl::StatusOr<Evidence> GatherEvidence(ReplicationStream& stream,
                                        const StateTopicOptions& topic_options,
                                        std::chrono::milliseconds timeout) {
  // The order matters (verdict.h): the slot was read when the stream connected.
  Evidence evidence{.slot = stream.slot_state(), .publication = stream.publication_state()};
  auto topic = ReadStateTopic(topic_options, timeout);
  if (topic.ok()) {
    evidence.topic_read = true;
    evidence.topic = *std::move(topic);
  } else if (!absl::IsUnavailable(topic.status())) {
    return topic.status();
  }
  absl::StatusOr<StateRow> row = ReadStateRow(stream.connection(), stream.slot());
  if (!row.ok()) return row.status();
  evidence.database = std::move(row->record);
  evidence.other_slot = std::move(row->other_slot);
  if (absl::Status identified = stream.Reidentify(); !identified.ok()) return identified;
  evidence.server = stream.identity();
  if (evidence.database && evidence.database->timeline < evidence.server.timeline) {
    auto history = ReadTimelineHistory(stream.connection(), evidence.server.timeline);
    // Without the file (pg_resetwal leaves none) nothing is proven: it is another timeline.
    const bool no_file = postgres::SqlState(history.status()) == "58P01";
    if (!history.ok() && !no_file) return history.status();
    if (history.ok()) evidence.timeline_history = *std::move(history);
  }
  return evidence;
}

}  // namespace relay
