// Where the outbox's columns stand in a table's rows: found by name, whatever their order and
// whatever else the table has.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_OUTBOX_TABLE_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_OUTBOX_TABLE_H_

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "outbox-relay/source/event.h"
#include "outbox-relay/source/pgoutput.h"

namespace relay {

// Needed: id (uuid or text), aggregateid (text, uuid or integer), type, topic (text), payload
// (bytea, text, json or jsonb). Used if present: traceparent (text), headers (json or jsonb),
// created_at (timestamptz). Not thread-safe.
class OutboxTable {
 public:
  explicit OutboxTable(const pgoutput::Relation& relation);

  // FailedPrecondition names each column that is missing or of a type the relay cannot read, and
  // the fix. Read() needs OK.
  const absl::Status& usable() const { return usable_; }

  const std::string& name() const { return name_; }

  // The event's views are valid until the next call, and as long as `tuple`'s bytes.
  // `commit_unix_microseconds` stands in for a missing created_at.
  absl::Status Read(std::string_view tuple, int64_t commit_unix_microseconds, Event& event);

 private:
  enum Field : int8_t {
    kId,
    kAggregateId,
    kType,
    kTopic,
    kPayload,
    kTraceparent,
    kHeaders,
    kCreatedAt,
    kFields,
    kUnused = -1,
  };
  struct Column {
    Field field = kUnused;
    uint32_t type = 0;
  };

  absl::Status Assign(std::string_view bytes, const Column& column, bool is_text, Event& event);
  // Integers and uuids as texts, in a buffer of the field's own; everything else as it is.
  std::string_view AsText(std::string_view bytes, const Column& column, bool is_text);

  std::string name_;  // schema.table
  std::vector<Column> columns_;
  absl::Status usable_;
  std::array<char, 36> id_text_;
  std::array<char, 36> key_text_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_OUTBOX_TABLE_H_
