// By what a parked (topic, key), or topic, is known, in memory and in outbox_parked_keys.
#ifndef ORDER_SAGA_OUTBOX_RELAY_PARKING_SCOPE_NAME_H_
#define ORDER_SAGA_OUTBOX_RELAY_PARKING_SCOPE_NAME_H_

#include <optional>
#include <string>
#include <string_view>

namespace relay {

// The name of a topic that is parked as a whole.
inline constexpr std::string_view kTopicScope = "t";

// 'k' and the key; an event without a key has no order to keep, and is parked alone: 'i' and its
// id. Of what is longer than an entry of an index may be, only the beginning and a hash: two that
// meet are parked together, which loses nothing. What is of that form already stays as it is.
std::string ScopeName(const std::optional<std::string_view>& key, std::string_view event_id);
void AppendScopeName(const std::optional<std::string_view>& key, std::string_view event_id,
                     std::string& out);

// The topic, cut where no topic's name goes on.
std::string_view ScopeTopic(std::string_view topic);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_PARKING_SCOPE_NAME_H_
