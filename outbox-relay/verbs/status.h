// The verb `status`: how far each source is, from what its database says.
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_STATUS_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_STATUS_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "outbox-relay/pause/pause_row.h"
#include "outbox-relay/verbs/verbs.h"
#include "outbox-relay/watch/outbox_reading.h"

namespace relay {

struct SourceStatus {
  std::string source;
  absl::Status error;  // why there is no more than this
  SlotReading slot;
  OutboxLag lag;
  int64_t parked_keys = 0;
  std::optional<PauseRow> pause;
};

// Lines for people.
std::string ToText(const SourceStatus& status);
// One JSON object, in one line.
std::string ToJson(const SourceStatus& status);

// "1.5 GiB".
std::string HumanBytes(int64_t bytes);
// "2 h 5 min".
std::string HumanSeconds(double seconds);

void AddStatusVerb(Verbs& verbs);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_STATUS_H_
