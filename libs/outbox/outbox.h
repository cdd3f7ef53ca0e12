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

// What Kafka takes with default settings: a topic's max.message.bytes is 1 MiB, and the relay adds
// headers. Larger events would be parked by the relay, with all that follows of their key, long
// after the service has answered OK; so the transaction fails that wants to send one. It is no
// setting: what is larger belongs in a store of its own, and its address in the event.
inline constexpr size_t kMaxEventBytes = 1'000'000;

// The record's bytes that an event makes: its key, payload and headers as the relay writes them.
size_t RecordBytes(const Event& event);

// The messages of one transaction, in the order in which they are added. Not thread-safe.
class Outbox {
 public:
  // The event's id, new and a UUIDv7, is returned.
  uuid::Uuid Add(Event event);

  // Inserts what was added since the last Flush, with one statement. To be called when the rows of
  // the events' aggregates are locked, so that an aggregate's events are numbered in the
  // order in which its changes commit. A data fault (postgres::IsDataFault), and nothing is
  // written, if an event has more than kMaxEventBytes.
  absl::Status Flush(postgres::Transaction& transaction);

  // Forgets what was added since the last Flush.
  void Clear() { pending_.clear(); }

  size_t size() const { return pending_.size(); }

 private:
  std::vector<std::pair<uuid::Uuid, Event>> pending_;
};

}  // namespace outbox

#endif  // ORDER_SAGA_LIBS_OUTBOX_OUTBOX_H_
