#ifndef ORDER_SAGA_LIBS_SAGA_COMMAND_ID_H_
#define ORDER_SAGA_LIBS_SAGA_COMMAND_ID_H_

#include <string>

#include "absl/strings/string_view.h"
#include "libs/saga/saga_state.h"

namespace saga {

// The id by which a participant knows a command again and by which its reply is matched: the UUIDv5
// (RFC 9562) of "<step>/<command>/<action|compensation>" in the namespace tx_id. It is the same at
// each attempt, and never that of a message. `tx_id` must be a UUID (8-4-4-4-12 hex digits, either
// case); anything else is a programming error and aborts.
std::string CommandId(absl::string_view tx_id, absl::string_view step, absl::string_view command,
                      Direction direction);

}  // namespace saga

#endif  // ORDER_SAGA_LIBS_SAGA_COMMAND_ID_H_
