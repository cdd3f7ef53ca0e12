// A place in Postgres's write-ahead log.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_LSN_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_LSN_H_

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace relay {

// Its own type, so that a byte position is never mixed with a count or an xid.
struct Lsn {
  uint64_t value = 0;

  // 0/0 stands for "none": no record begins there.
  bool known() const { return value != 0; }

  friend auto operator<=>(const Lsn&, const Lsn&) = default;
};

// "16/B374D848", as Postgres writes it.
std::string ToString(Lsn lsn);
absl::StatusOr<Lsn> ParseLsn(std::string_view text);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_LSN_H_
