// The slot of a source that has none, made by a person's wish.
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_MAKE_SLOT_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_MAKE_SLOT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace relay {

struct MadeSlot {
  // Rows that were there when its stream began: they are in no stream of it.
  int64_t rows_before = 0;
  // Of these, those that relays have not recorded as published; nothing if no relay was there
  // before.
  std::optional<int64_t> unpublished;
  // Relays would take a slot that stands ahead of their record for one that somebody has moved. So
  // the record has begun anew, with this generation, where the slot stands. 0: there was none.
  int64_t generation = 0;
};

// `conninfo`: the relay's role in the source's database. Waits for the transactions that are open
// on the whole server. FailedPrecondition: rows are there that it would never send, and
// `skip_existing_rows` is not set; nothing was made. AlreadyExists: the slot is there by now, or a
// relay is healing.
absl::StatusOr<MadeSlot> MakeSlot(const std::string& conninfo, const std::string& slot,
                                  bool skip_existing_rows);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_MAKE_SLOT_H_
