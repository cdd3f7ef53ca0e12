// Which events are at Kafka: their ids, read back.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HEAL_TOPIC_IDS_H_
#define ORDER_SAGA_OUTBOX_RELAY_HEAL_TOPIC_IDS_H_

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "libs/kafka/config.h"
#include "libs/uuid/uuid.h"
#include "outbox-relay/history/acked_offsets.h"

namespace relay {

// Some 20 bytes for each event. What has no UUID in its header `id` is none of ours.
class TopicIds {
 public:
  // "0192f0c1-2345-7abc-8def-0123456789ab"; false if it is no UUID.
  bool Add(std::string_view id);
  bool Contains(std::string_view id) const;

  // How far each partition was read.
  TopicOffsets ends;

 private:
  absl::flat_hash_set<uuid::Uuid> ids_;
};

// Reads each partition of `topics` from the offset in `from` (from its beginning where there is
// none) to where it ends now. Unavailable: no broker answers, or a partition does not move for a
// minute; try again. Cancelled once `leave`, which is asked several times a second.
absl::StatusOr<TopicIds> ReadTopicIds(const kafka::Settings& kafka,
                                      const std::set<std::string>& topics, const TopicOffsets& from,
                                      absl::FunctionRef<bool()> leave);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HEAL_TOPIC_IDS_H_
