// From the decoding plugin's messages to transactions of events.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_TRANSACTION_READER_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_TRANSACTION_READER_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "outbox-relay/source/event.h"
#include "outbox-relay/source/lsn.h"
#include "outbox-relay/source/outbox_table.h"
#include "outbox-relay/source/pgoutput.h"

namespace relay {

// For one stream, from its start. Not thread-safe.
class TransactionReader {
 public:
  enum class Step {
    kNothing,  // a table's columns, or something that does not concern us
    kBegin,    // commit_lsn() and commit_unix_microseconds() are known
    kEvent,    // event() is
    kCommit    // end_lsn() is
  };

  // InvalidArgument: not pgoutput's protocol 1, or out of order. FailedPrecondition: a row of a
  // table that is no outbox; the message says the fix.
  absl::StatusOr<Step> Read(std::string_view message);

  bool in_transaction() const { return in_transaction_; }
  Lsn commit_lsn() const { return commit_lsn_; }
  Lsn end_lsn() const { return end_lsn_; }
  int64_t commit_unix_microseconds() const { return commit_unix_microseconds_; }
  // Valid until the next Read, and as long as the message's bytes.
  const Event& event() const { return event_; }

 private:
  absl::StatusOr<Step> Begin(const pgoutput::Begin& begin);
  absl::StatusOr<Step> Commit(const pgoutput::Commit& commit);
  absl::StatusOr<Step> Insert(const pgoutput::Insert& insert);

  // By the id of the Relation; a pointer, so that last_table_ stays right when the map grows.
  absl::flat_hash_map<uint32_t, std::unique_ptr<OutboxTable>> tables_;
  uint32_t last_id_ = 0;
  OutboxTable* last_table_ = nullptr;
  bool warned_ = false;

  bool in_transaction_ = false;
  Lsn commit_lsn_;
  Lsn end_lsn_;
  int64_t commit_unix_microseconds_ = 0;
  Event event_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_TRANSACTION_READER_H_
