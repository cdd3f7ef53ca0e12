// The transactional outbox, the writing side: messages that leave if and only if the transaction
// that wrote them commits. The relay (outbox-relay/) is the reading side.
//
// The table is migrations/0001_outbox.sql.
#ifndef ORDER_SAGA_LIBS_OUTBOX_OUTBOX_H_
#define ORDER_SAGA_LIBS_OUTBOX_OUTBOX_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "libs/postgres/transaction.h"
#include "libs/uuid/uuid.h"

namespace outbox {

// One message to Kafka. Texts are valid UTF-8.
struct Event {
  std::string aggregatetype;           // the saga's type, or the aggregate's
  std::string aggregateid;             // the Kafka key: events of one key keep their order
  std::string type;                    // the message's full protobuf name
  std::optional<std::string> payload;  // the Kafka value; nothing is a tombstone
  std::string topic;                   // in full, with the topic prefix if there is one
  std::optional<std::string> traceparent;
  // More Kafka headers. "content-type" here replaces application/protobuf.
  std::vector<std::pair<std::string, std::string>> headers;
};

// The messages of one transaction, in the order in which they are added. Not thread-safe.
class Outbox {
 public:
  // The event's id, new and a UUIDv7, is returned.
  uuid::Uuid Add(Event event);

  // Inserts what was added since the last Flush, with one statement. To be called when the rows of
  // the events' aggregates are locked, so that an aggregate's events are numbered in the
  // order in which its changes commit.
  absl::Status Flush(postgres::Transaction& transaction);

  // Forgets what was added since the last Flush.
  void Clear() { pending_.clear(); }

  size_t size() const { return pending_.size(); }

 private:
  std::vector<std::pair<uuid::Uuid, Event>> pending_;
};

}  // namespace outbox

#endif  // ORDER_SAGA_LIBS_OUTBOX_OUTBOX_H_
