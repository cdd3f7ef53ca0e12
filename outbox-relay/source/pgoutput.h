// The messages of Postgres's logical decoding plugin pgoutput, protocol version 1 ("Logical
// Replication Message Formats" in the PostgreSQL manual).
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_PGOUTPUT_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_PGOUTPUT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "outbox-relay/source/lsn.h"

namespace relay::pgoutput {

// A committed transaction's rows follow, up to its Commit.
struct Begin {
  Lsn commit_lsn;  // where its commit record begins
  int64_t commit_unix_microseconds;
  uint32_t xid;
};

struct Commit {
  Lsn commit_lsn;
  Lsn end_lsn;  // behind the commit record: confirming this and no less ends the transaction
  int64_t commit_unix_microseconds;
};

// A table's name and columns, sent before its first row and again after it was altered.
struct Relation {
  struct Column {
    std::string name;
    uint32_t type;  // pg_type.oid
  };
  uint32_t id;
  std::string schema;
  std::string table;
  std::vector<Column> columns;
};

struct Insert {
  uint32_t relation_id;
  std::string_view tuple;  // for TupleReader; points into the bytes that were decoded
};

// What the outbox's publication should not send and the relay does not act on.
struct Unexpected {
  std::string_view what;  // "UPDATE", "DELETE", "TRUNCATE"
};

// Origin, Type, logical message: nothing to do.
struct Ignored {};

// Postgres counts from 2000-01-01.
int64_t UnixMicroseconds(int64_t postgres_microseconds);

using Message = std::variant<Begin, Commit, Relation, Insert, Unexpected, Ignored>;

// InvalidArgument for anything that is no complete message of protocol 1. An Insert's tuple is only
// checked by TupleReader.
absl::StatusOr<Message> Decode(std::string_view bytes);

struct Value {
  enum class Kind : char { kNull = 'n', kUnchanged = 'u', kText = 't', kBinary = 'b' };
  Kind kind = Kind::kNull;
  std::string_view bytes;  // empty for the first two kinds
};

// One row's values, in the order of its Relation's columns.
class TupleReader {
 public:
  explicit TupleReader(std::string_view tuple);

  int columns() const { return columns_; }
  // The next value; an error is remembered and the rest are NULL.
  Value Next();
  // InvalidArgument if something was malformed so far.
  absl::Status status() const;

 private:
  std::string_view rest_;
  int columns_ = 0;
  bool ok_ = true;
};

}  // namespace relay::pgoutput

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_PGOUTPUT_H_
