#include "outbox-relay/source/stream_frame.h"

#include "absl/strings/str_cat.h"
#include "libs/postgres/wire.h"
#include "outbox-relay/source/byte_reader.h"

namespace relay {

absl::StatusOr<StreamFrame> DecodeFrame(std::string_view bytes) {
  ByteReader in(bytes);
  const uint8_t kind = in.Uint8();
  if (kind == 'w') {
    in.Uint64();  // where the data begins: row positions interleave between transactions, unused
    in.Uint64();  // the server's write position
    in.Int64();   // the server's clock
    if (in.ok()) return WalData{in.rest()};
  } else if (kind == 'k') {
    Keepalive keepalive;
    keepalive.wal_end = Lsn{in.Uint64()};
    in.Int64();  // the server's clock
    keepalive.wants_reply = in.Uint8() != 0;
    if (in.ok()) return keepalive;
  }
  return absl::InvalidArgumentError(absl::StrCat("replication stream: a frame of ", bytes.size(),
                                                 " bytes is neither data nor a keepalive"));
}

StatusUpdate EncodeStatusUpdate(Lsn confirmed, int64_t now_unix_microseconds) {
  StatusUpdate out;
  char* at = out.data();
  const auto put = [&at](uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) *at++ = static_cast<char>(value >> shift);
  };
  *at++ = 'r';
  put(confirmed.value);  // written
  put(confirmed.value);  // flushed: what the slot remembers
  put(confirmed.value);  // applied
  put(static_cast<uint64_t>(now_unix_microseconds -
                            postgres::wire::kPostgresEpochUnixMicroseconds));
  *at = 0;  // no answer wanted
  return out;
}

}  // namespace relay
