// Builds pgoutput messages byte by byte, for tests only.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_PGOUTPUT_TESTING_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_PGOUTPUT_TESTING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace relay::pgoutput_testing {

class Bytes {
 public:
  Bytes& Char(char c) { return Number(static_cast<unsigned char>(c), 1); }
  Bytes& U16(uint16_t value) { return Number(value, 2); }
  Bytes& U32(uint32_t value) { return Number(value, 4); }
  Bytes& U64(uint64_t value) { return Number(value, 8); }
  Bytes& CString(std::string_view text) { return Raw(text).Char('\0'); }
  Bytes& Raw(std::string_view bytes) {
    out_.append(bytes);
    return *this;
  }
  const std::string& str() const { return out_; }

 private:
  Bytes& Number(uint64_t value, int size) {
    for (int i = size - 1; i >= 0; --i) out_.push_back(static_cast<char>(value >> (8 * i)));
    return *this;
  }
  std::string out_;
};

inline std::string BeginMessage(uint64_t commit_lsn, uint64_t postgres_time, uint32_t xid) {
  return Bytes().Char('B').U64(commit_lsn).U64(postgres_time).U32(xid).str();
}

inline std::string CommitMessage(uint64_t commit_lsn, uint64_t end_lsn, uint64_t postgres_time) {
  return Bytes().Char('C').Char(0).U64(commit_lsn).U64(end_lsn).U64(postgres_time).str();
}

inline std::string RelationMessage(uint32_t id, std::string_view schema, std::string_view table,
                                   const std::vector<std::pair<std::string, uint32_t>>& columns) {
  Bytes out;
  out.Char('R').U32(id).CString(schema).CString(table).Char('d');
  out.U16(static_cast<uint16_t>(columns.size()));
  for (const auto& [name, type] : columns) out.Char(0).CString(name).U32(type).U32(0xFFFFFFFF);
  return out.str();
}

// Values in binary format; nothing stands for NULL.
inline std::string Tuple(const std::vector<std::optional<std::string>>& values, char kind = 'b') {
  Bytes out;
  out.U16(static_cast<uint16_t>(values.size()));
  for (const auto& value : values) {
    if (value) {
      out.Char(kind).U32(static_cast<uint32_t>(value->size())).Raw(*value);
    } else {
      out.Char('n');
    }
  }
  return out.str();
}

inline std::string InsertMessage(uint32_t relation_id, const std::string& tuple) {
  return Bytes().Char('I').U32(relation_id).Char('N').Raw(tuple).str();
}

}  // namespace relay::pgoutput_testing

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_PGOUTPUT_TESTING_H_
