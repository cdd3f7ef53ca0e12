// The rows that a statement answered, in binary format.
#ifndef ORDER_SAGA_LIBS_POSTGRES_RESULT_H_
#define ORDER_SAGA_LIBS_POSTGRES_RESULT_H_

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "libs/uuid/uuid.h"

namespace postgres {

// Owns the rows; views stay valid as long as it does. Reading a NULL, or a column as a type that it
// does not have, is a programming error and aborts.
class Result {
 public:
  explicit Result(PGresult* result) : result_(result, &PQclear) {}

  // Whether the statement succeeded; everything below is only for one that did.
  bool ok() const;
  const PGresult* raw() const { return result_.get(); }

  int rows() const { return PQntuples(result_.get()); }
  // Rows that an INSERT, UPDATE or DELETE changed.
  int64_t affected() const;

  bool IsNull(int row, int column) const;
  bool Bool(int row, int column) const;
  // int2, int4, int8, xid8.
  int64_t Int64(int row, int column) const;
  // text, varchar, name, bytea: the bytes.
  std::string_view Text(int row, int column) const;
  // The text, or empty if NULL.
  std::string_view TextOrEmpty(int row, int column) const;
  uuid::Uuid Id(int row, int column) const;
  // timestamptz as microseconds since the Unix epoch.
  int64_t UnixMicroseconds(int row, int column) const;

 private:
  std::string_view Bytes(int row, int column) const;

  std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

}  // namespace postgres

#endif  // ORDER_SAGA_LIBS_POSTGRES_RESULT_H_
