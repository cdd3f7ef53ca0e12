#include "outbox-relay/source/pgoutput.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/postgres/wire.h"
#include "outbox-relay/source/byte_reader.h"

namespace relay::pgoutput {
namespace {

Begin DecodeBegin(ByteReader& in) {
  Begin begin;
  begin.commit_lsn = Lsn{in.Uint64()};
  begin.commit_unix_microseconds = UnixMicroseconds(in.Int64());
  begin.xid = in.Uint32();
  return begin;
}

Commit DecodeCommit(ByteReader& in) {
  Commit commit;
  in.Uint8();  // flags, unused so far
  commit.commit_lsn = Lsn{in.Uint64()};
  commit.end_lsn = Lsn{in.Uint64()};
  commit.commit_unix_microseconds = UnixMicroseconds(in.Int64());
  return commit;
}

Relation DecodeRelation(ByteReader& in) {
  Relation relation;
  relation.id = in.Uint32();
  // Empty means pg_catalog.
  const std::string_view schema = in.CString();
  relation.schema = schema.empty() ? "pg_catalog" : std::string(schema);
  relation.table = in.CString();
  in.Uint8();  // replica identity
  const int columns = in.Uint16();
  for (int i = 0; i < columns && in.ok(); ++i) {
    Relation::Column column;
    in.Uint8();  // part of the key?
    column.name = in.CString();
    column.type = in.Uint32();
    in.Uint32();  // type modifier
    relation.columns.push_back(std::move(column));
  }
  return relation;
}

// Sets known to false for a kind of message that protocol 1 does not have.
Message DecodeBody(char kind, ByteReader& in, bool& known) {
  switch (kind) {
    case 'I': {
      Insert insert;
      insert.relation_id = in.Uint32();
      // 'N' for the new tuple is all that an insert has.
      known = in.Uint8() == 'N' || !in.ok();
      insert.tuple = in.rest();
      return insert;
    }
    case 'B':
      return DecodeBegin(in);
    case 'C':
      return DecodeCommit(in);
    case 'R':
      return DecodeRelation(in);
    case 'U':
      return Unexpected{"UPDATE"};
    case 'D':
      return Unexpected{"DELETE"};
    case 'T':
      return Unexpected{"TRUNCATE"};
    case 'O':
    case 'Y':
    case 'M':
      return Ignored{};
    default:
      known = false;
      return Ignored{};
  }
}

}  // namespace

int64_t UnixMicroseconds(int64_t postgres_microseconds) {
  // Unsigned, because a malformed message must not overflow.
  return static_cast<int64_t>(
      static_cast<uint64_t>(postgres_microseconds) +
      static_cast<uint64_t>(postgres::wire::kPostgresEpochUnixMicroseconds));
}

absl::StatusOr<Message> Decode(std::string_view bytes) {
  ByteReader in(bytes);
  const char kind = static_cast<char>(in.Uint8());
  bool known = true;
  Message message = DecodeBody(kind, in, known);
  if (!in.ok()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("pgoutput: message 0x%02x of %d bytes is cut short",
                        static_cast<unsigned char>(kind), bytes.size()));
  }
  if (!known) {
    return absl::InvalidArgumentError(
        absl::StrFormat("pgoutput: message 0x%02x is not one of protocol version 1",
                        static_cast<unsigned char>(kind)));
  }
  return message;
}

TupleReader::TupleReader(std::string_view tuple) {
  ByteReader in(tuple);
  columns_ = in.Uint16();
  ok_ = in.ok();
  rest_ = in.rest();
}

Value TupleReader::Next() {
  ByteReader in(rest_);
  Value value{static_cast<Value::Kind>(in.Uint8()), {}};
  switch (value.kind) {
    case Value::Kind::kNull:
    case Value::Kind::kUnchanged:
      break;
    case Value::Kind::kText:
    case Value::Kind::kBinary:
      value.bytes = in.Bytes(in.Uint32());
      break;
    default:
      ok_ = false;
  }
  ok_ = ok_ && in.ok();
  if (!ok_) {
    rest_ = {};
    return Value{};
  }
  rest_ = in.rest();
  return value;
}

absl::Status TupleReader::status() const {
  if (ok_) return absl::OkStatus();
  return absl::InvalidArgumentError("pgoutput: a row is cut short or has an unknown kind of value");
}

}  // namespace relay::pgoutput
