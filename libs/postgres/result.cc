#include "libs/postgres/result.h"

#include <cstdio>
#include <cstdlib>

#include "libs/postgres/wire.h"

namespace postgres {
namespace {

[[noreturn]] void Misread(int row, int column, const char* what) {
  std::fprintf(stderr, "postgres::Result: row %d, column %d %s\n", row, column, what);
  std::abort();
}

}  // namespace

bool Result::ok() const {
  const ExecStatusType status = PQresultStatus(result_.get());
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

int64_t Result::affected() const {
  const char* count = PQcmdTuples(result_.get());
  return *count == '\0' ? 0 : std::strtoll(count, nullptr, 10);
}

bool Result::IsNull(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) == 1;
}

std::string_view Result::Bytes(int row, int column) const {
  if (row < 0 || row >= rows() || column < 0 || column >= PQnfields(result_.get())) {
    Misread(row, column, "does not exist");
  }
  if (IsNull(row, column)) Misread(row, column, "is NULL");
  return {PQgetvalue(result_.get(), row, column),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}

bool Result::Bool(int row, int column) const {
  std::string_view bytes = Bytes(row, column);
  if (bytes.size() != 1) Misread(row, column, "is no boolean");
  return bytes[0] != 0;
}

int64_t Result::Int64(int row, int column) const {
  std::string_view bytes = Bytes(row, column);
  if (bytes.size() != 2 && bytes.size() != 4 && bytes.size() != 8) {
    Misread(row, column, "is no integer");
  }
  return wire::GetInt(bytes.data(), static_cast<int>(bytes.size()));
}

std::string_view Result::Text(int row, int column) const { return Bytes(row, column); }

std::string_view Result::TextOrEmpty(int row, int column) const {
  return IsNull(row, column) ? std::string_view() : Bytes(row, column);
}

uuid::Uuid Result::Id(int row, int column) const {
  std::string_view bytes = Bytes(row, column);
  if (bytes.size() != 16) Misread(row, column, "is no uuid");
  return uuid::FromBytes(bytes);
}

int64_t Result::UnixMicroseconds(int row, int column) const {
  return Int64(row, column) + wire::kPostgresEpochUnixMicroseconds;
}

}  // namespace postgres
