// The parameters of one statement, in Postgres's binary format.
//
//   Params().Id(tx_id).Int64(4).Texts(names)
//
// stands for $1, $2, $3. Arrays are what `unnest` takes: one statement writes a whole batch.
#ifndef ORDER_SAGA_LIBS_POSTGRES_PARAMS_H_
#define ORDER_SAGA_LIBS_POSTGRES_PARAMS_H_

#include <libpq-fe.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "libs/uuid/uuid.h"

namespace postgres {

// Copies what it is given. Not thread-safe. Texts must be valid UTF-8 without NUL: Postgres refuses
// others with a data exception.
class Params {
 public:
  Params& Bool(bool value);
  Params& Int64(int64_t value);
  Params& Text(std::string_view value);
  Params& NullableText(const std::optional<std::string>& value);
  Params& Bytes(std::string_view value);
  Params& Id(const uuid::Uuid& value);

  Params& Bools(absl::Span<const bool> values);
  Params& Int64s(absl::Span<const int64_t> values);
  Params& Texts(absl::Span<const std::string> values);
  Params& NullableTexts(absl::Span<const std::optional<std::string>> values);
  Params& NullableBytes(absl::Span<const std::optional<std::string>> values);
  Params& Ids(absl::Span<const uuid::Uuid> values);

  int size() const { return static_cast<int>(types_.size()); }
  const std::vector<Oid>& types() const { return types_; }
  const std::vector<int>& lengths() const { return lengths_; }
  // Valid until the next call that adds.
  std::vector<const char*> values() const;

 private:
  void Append(Oid type, std::string_view bytes);
  void AppendNull(Oid type);
  template <typename T, typename Encode>
  Params& AppendArray(Oid array_type, Oid element_type, absl::Span<const T> values, Encode encode);

  static constexpr size_t kNull = static_cast<size_t>(-1);

  std::string buffer_;
  std::vector<Oid> types_;
  std::vector<int> lengths_;
  std::vector<size_t> offsets_;  // into buffer_; kNull for NULL
};

}  // namespace postgres

#endif  // ORDER_SAGA_LIBS_POSTGRES_PARAMS_H_
