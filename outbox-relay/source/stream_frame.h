// What travels inside the copy stream of the streaming replication protocol.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_STREAM_FRAME_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_STREAM_FRAME_H_

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "outbox-relay/source/lsn.h"

namespace relay {

// One message of the decoding plugin.
struct WalData {
  std::string_view data;
};

// Everything that ends before `wal_end` was sent before this.
struct Keepalive {
  Lsn wal_end;
  bool wants_reply;
};

using StreamFrame = std::variant<WalData, Keepalive>;

// InvalidArgument for anything else.
absl::StatusOr<StreamFrame> DecodeFrame(std::string_view bytes);

using StatusUpdate = std::array<char, 34>;

// The client's answer. `confirmed` may be unknown: then it moves nothing, and only says that the
// client lives.
StatusUpdate EncodeStatusUpdate(Lsn confirmed, int64_t now_unix_microseconds);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_STREAM_FRAME_H_
