// How a session with a source's stream ended.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SESSION_END_H_
#define ORDER_SAGA_OUTBOX_RELAY_SESSION_END_H_

#include <utility>

#include "absl/status/status.h"

namespace relay {

struct SessionEnd {
  enum class Kind {
    kStopped,
    kPaused,   // somebody wants it so, until a resume
    kStandby,  // another relay streams, or heals: `why` says which
    kHealed,   // the next session begins on a new slot
    kPassed,   // the refused event is behind: batches may be used again
    kFailed    // `why` says what to do about it, if it does not pass by itself
  };
  static SessionEnd Failed(absl::Status why) { return {Kind::kFailed, std::move(why)}; }

  Kind kind = Kind::kFailed;
  absl::Status why = {};  // OK but for kStandby and kFailed
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SESSION_END_H_
