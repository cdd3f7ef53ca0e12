// What an operator does about parked events, in the source's database; the active relay does the
// rest.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PARKING_OPERATOR_H_
#define ORDER_SAGA_OUTBOX_RELAY_PARKING_OPERATOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/postgres/connection.h"

namespace relay::parked {

// Everything that is not given matches. Nothing given: all.
struct Selection {
  std::optional<std::string> id;  // of any event of the key
  std::optional<std::string> topic;
  std::optional<std::string> key;
  bool rest_of_topic = false;  // of `topic`: all keys that are not parked by themselves
};

struct KeyInfo {
  std::string topic;
  // Nothing: an event without a key, parked alone, or the rest of the topic.
  std::optional<std::string> key;
  bool rest_of_topic = false;  // all of its keys that are not parked by themselves
  std::string poison_id;
  std::string reason;
  std::string fix;
  std::string since;  // RFC 3339, UTC
  int64_t age_seconds = 0;
  int64_t events = 0;
  bool poison_dropped = false;
  bool released = false;  // and not all published yet
};

// The longest parked first.
absl::StatusOr<std::vector<KeyInfo>> ListKeys(postgres::Connection& connection,
                                              const Selection& selection);

struct Changed {
  int64_t keys = 0;
  int64_t events = 0;
  bool relay_active = false;  // some relay streams the source
  int64_t released_keys = 0;  // of a drop: selected, and left alone, as they may be at Kafka
  bool with_topic = false;    // a key was selected that is perhaps parked with its topic
};

// Has the keys' events published, in order, and then the keys not parked any more. Those that are
// released already stay so. `dry_run`: only counts.
absl::StatusOr<Changed> ReleaseKeys(postgres::Connection& connection, const Selection& selection,
                                    const std::string& who, bool dry_run);

struct Drop {
  std::string who;
  std::string why;
  bool all_behind = false;  // all that is parked of the key
};
// Gives events up for good: the one with the selection's id, or else that which Kafka refused of
// each key. What is behind stays parked, unless `all_behind`. Those that are dropped already stay
// so. The refused event is not at Kafka, as far as Kafka has said. Others may be, all the same:
// those that were released before, if the relay died in between or a broker did not answer; and, at
// least once, those of a parked topic that were on their way beside the refused event.
absl::StatusOr<Changed> DropEvents(postgres::Connection& connection, const Selection& selection,
                                   const Drop& drop, bool dry_run);

}  // namespace relay::parked

#endif  // ORDER_SAGA_OUTBOX_RELAY_PARKING_OPERATOR_H_
