#include "outbox-relay/source/outbox_table.h"

#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/postgres/wire.h"
#include "outbox-relay/source/byte_reader.h"
#include "outbox-relay/source/uuid_text.h"

namespace relay {
namespace {

// pg_type.oid of built-in types, which never change.
constexpr uint32_t kBytea = 17, kName = 19, kInt8 = 20, kInt2 = 21, kInt4 = 23, kText = 25,
                   kJson = 114, kBpchar = 1042, kVarchar = 1043, kTimestamptz = 1184, kUuid = 2950,
                   kJsonb = 3802;

bool IsText(uint32_t type) {
  return type == kText || type == kVarchar || type == kBpchar || type == kName;
}
bool IsInteger(uint32_t type) { return type == kInt2 || type == kInt4 || type == kInt8; }
bool IsJson(uint32_t type) { return type == kJson || type == kJsonb; }

struct Wanted {
  std::string_view name;
  bool needed;
  bool (*accepts)(uint32_t type);
  std::string_view types;  // for people, the usual one first
};

// In the order of OutboxTable::Field.
constexpr Wanted kWanted[] = {
    {"id", true, [](uint32_t t) { return t == kUuid || IsText(t); }, "uuid or text"},
    {"aggregateid", true, [](uint32_t t) { return IsText(t) || t == kUuid || IsInteger(t); },
     "text, uuid or an integer"},
    {"type", true, IsText, "text"},
    {"topic", true, IsText, "text"},
    {"payload", true, [](uint32_t t) { return t == kBytea || IsText(t) || IsJson(t); },
     "bytea, text, json or jsonb"},
    {"traceparent", false, IsText, "text"},
    {"headers", false, IsJson, "jsonb or json"},
    {"created_at", false, [](uint32_t t) { return t == kTimestamptz; }, "timestamptz"},
};

}  // namespace

OutboxTable::OutboxTable(const pgoutput::Relation& relation)
    : name_(absl::StrCat(relation.schema, ".", relation.table)), columns_(relation.columns.size()) {
  static_assert(std::size(kWanted) == kFields);
  std::vector<std::string> faults;
  for (int field = 0; field < kFields; ++field) {
    const Wanted& wanted = kWanted[field];
    const std::string name(wanted.name), types(wanted.types);
    size_t at = 0;
    while (at < columns_.size() && relation.columns[at].name != wanted.name) ++at;
    if (at == columns_.size()) {
      if (wanted.needed) {
        faults.push_back(absl::StrCat("has no column \"", name, "\" (", types, ")"));
      }
    } else if (!wanted.accepts(relation.columns[at].type)) {
      faults.push_back(absl::StrCat("has column \"", name, "\" of the type with OID ",
                                    relation.columns[at].type, ", not ", types));
    } else {
      columns_[at] = {static_cast<Field>(field), relation.columns[at].type};
    }
  }
  if (!faults.empty()) {
    usable_ = absl::FailedPreconditionError(absl::StrCat(
        "table ", name_, " is in the publication, but ", absl::StrJoin(faults, ", and "),
        ". Fix: ALTER TABLE so that it has id, aggregateid, type, topic and payload, or take it "
        "out "
        "of the publication: ALTER PUBLICATION outbox DROP TABLE ",
        name_, ". Rows inserted before that keep their old shape in the write-ahead log"));
  }
}

absl::Status OutboxTable::Read(std::string_view tuple, int64_t commit_unix_microseconds,
                               Event& event) {
  event = Event{};
  event.created_unix_microseconds = commit_unix_microseconds;
  pgoutput::TupleReader reader(tuple);
  if (reader.columns() != static_cast<int>(columns_.size())) {
    return absl::InvalidArgumentError(absl::StrCat("pgoutput: a row of ", name_, " has ",
                                                   reader.columns(), " columns, its table ",
                                                   columns_.size()));
  }
  using Kind = pgoutput::Value::Kind;
  for (const Column& column : columns_) {
    const pgoutput::Value value = reader.Next();
    if (column.field == kUnused) continue;
    if (value.kind == Kind::kText || value.kind == Kind::kBinary) {
      absl::Status assigned = Assign(value.bytes, column, value.kind == Kind::kText, event);
      if (!assigned.ok()) return assigned;
    }
  }
  if (absl::Status status = reader.status(); !status.ok()) return status;
  // Without a type or a topic it is refused, and parked; without an id it cannot even be that.
  if (event.id.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("a row of ", name_,
                     " has no id: it cannot be published. Fix: make the column "
                     "NOT NULL and never empty"));
  }
  return absl::OkStatus();
}

absl::Status OutboxTable::Assign(std::string_view bytes, const Column& column, bool is_text,
                                 Event& event) {
  // What a type's length must be in binary format.
  const size_t fixed = column.type == kUuid                                  ? 16
                       : column.type == kInt8 || column.type == kTimestamptz ? 8
                       : column.type == kInt4                                ? 4
                       : column.type == kInt2                                ? 2
                                                                             : 0;
  const bool text_is_coded = column.type == kBytea || column.type == kTimestamptz;
  if ((!is_text && fixed != 0 && bytes.size() != fixed) || (is_text && text_is_coded)) {
    return absl::InvalidArgumentError(
        absl::StrCat("pgoutput: column \"", std::string(kWanted[column.field].name), "\" of ",
                     name_, " has ", bytes.size(), " bytes, which is no binary value of its type"));
  }
  // In binary format a jsonb begins with its version.
  if (column.type == kJsonb && !is_text && !bytes.empty()) bytes.remove_prefix(1);
  switch (column.field) {
    case kId:
      event.id = AsText(bytes, column, is_text);
      break;
    case kAggregateId:
      event.aggregate_id = AsText(bytes, column, is_text);
      break;
    case kType:
      event.type = bytes;
      break;
    case kTopic:
      event.topic = bytes;
      break;
    case kPayload:
      event.payload = bytes;
      break;
    case kTraceparent:
      event.traceparent = bytes;
      break;
    case kHeaders:
      event.headers_json = bytes;
      break;
    case kCreatedAt:
      event.created_unix_microseconds = pgoutput::UnixMicroseconds(ByteReader(bytes).Int64());
      break;
    default:
      break;
  }
  return absl::OkStatus();
}

std::string_view OutboxTable::AsText(std::string_view bytes, const Column& column, bool is_text) {
  std::array<char, 36>& buffer = column.field == kId ? id_text_ : key_text_;
  if (is_text) return bytes;
  if (column.type == kUuid) return WriteUuidText(bytes, buffer);
  if (IsInteger(column.type)) {
    const int64_t number = postgres::wire::GetInt(bytes.data(), static_cast<int>(bytes.size()));
    char* end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
    return {buffer.data(), static_cast<size_t>(end - buffer.data())};
  }
  return bytes;
}

}  // namespace relay
