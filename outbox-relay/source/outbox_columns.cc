#include "outbox-relay/source/outbox_columns.h"

#include "absl/strings/str_cat.h"

namespace relay {

absl::StatusOr<std::string> AsStreamed(postgres::Connection& connection,
                                       const std::string& column) {
  auto type = connection.Execute(
      "SELECT atttypid IN ('uuid'::regtype, 'smallint'::regtype, 'integer'::regtype, "
      "'bigint'::regtype, 'json'::regtype, 'jsonb'::regtype) FROM pg_attribute "
      "WHERE attrelid = to_regclass('outbox') AND attname = $1::text AND NOT attisdropped",
      postgres::Params().Text(column));
  if (!type.ok()) return type.status();
  if (type->rows() == 0) {
    return absl::NotFoundError(absl::StrCat("outbox has no column \"", column, "\""));
  }
  return absl::StrCat(column, type->Bool(0, 0) ? "::text" : "");
}

}  // namespace relay
