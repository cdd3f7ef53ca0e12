#include "libs/postgres/conninfo.h"

#include <libpq-fe.h>

#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace postgres {
namespace {

// One for each host; empty stands for the default.
bool ArePorts(const char* ports) {
  for (const auto port : absl::StrSplit(ports, ',')) {
    int number = 0;
    if (!port.empty() && (!absl::SimpleAtoi(port, &number) || number < 1 || number > 65535)) {
      return false;
    }
  }
  return true;
}

}  // namespace

absl::Status CheckConninfo(std::string_view text) {
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(std::string(text).c_str(), &error), &PQconninfoFree);
  if (options == nullptr) {
    PQfreemem(error);  // it may repeat the password
    return absl::InvalidArgumentError(
        "no connection string, as postgresql://role@host:5432/database is");
  }
  bool has_database = false;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr || *option->val == '\0') continue;
    const std::string_view keyword = option->keyword;
    if (keyword == "dbname") has_database = true;
    if (keyword == "port" && !ArePorts(option->val)) {
      return absl::InvalidArgumentError("a port of the connection string is not 1 to 65535");
    }
  }
  if (!has_database) return absl::InvalidArgumentError("the connection string names no database");
  return absl::OkStatus();
}

}  // namespace postgres
