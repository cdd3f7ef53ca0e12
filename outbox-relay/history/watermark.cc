#include "outbox-relay/history/watermark.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace relay {

// No source's name has a colon.
std::string WatermarkKey(std::string_view source) {
  return absl::StrCat(std::string(source), ":watermark");
}

bool IsOfSameHistory(const Watermark& was, const Watermark& now) {
  return was.slot == now.slot && was.generation == now.generation &&
         was.system_id == now.system_id && was.timeline == now.timeline;
}

absl::StatusOr<Watermark> Resume(const Watermark& was, Watermark now, Lsn flushed) {
  // Ids are the same in every history.
  now.released = was.released;
  if (!IsOfSameHistory(was, now)) return now;
  if (std::max(was.whole, was.open_commit) > flushed) {
    return absl::DataLossError(absl::StrCat(
        "Postgres has lost writes: Kafka has events up to ", ToString(was.whole),
        " of a log that now ends at ", ToString(flushed),
        " (fsync off, a disk that lies, or an older copy of the data folder). Going on would skip "
        "new events in silence. Fix: bring the right server back, or drop the slot and start the "
        "relay with --heal=table"));
  }
  now.whole = was.whole;
  if (was.publication_fingerprint == now.publication_fingerprint) {
    now.open_commit = was.open_commit;
    now.open_ordinal = was.open_ordinal;
  }
  return now;
}

}  // namespace relay
