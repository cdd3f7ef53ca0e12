// Where one timeline of a server's log became the next (PostgreSQL docs, "Streaming Replication
// Protocol", TIMELINE_HISTORY; "Timelines").
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_TIMELINE_HISTORY_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_TIMELINE_HISTORY_H_

#include <libpq-fe.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "outbox-relay/source/lsn.h"

namespace relay {

// The history file of `timeline`, on a replication connection.
absl::StatusOr<std::string> ReadTimelineHistory(PGconn* connection, uint32_t timeline);

// Up to where the log of `timeline` is that of the file's timeline, too. Nothing if it is no
// ancestor.
std::optional<Lsn> EndOfTimeline(std::string_view history_file, uint32_t timeline);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_TIMELINE_HISTORY_H_
