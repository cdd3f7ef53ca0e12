#include "libs/telemetry/check.h"

#include <cstdlib>

#include "libs/telemetry/log.h"

namespace telemetry {

void Die(std::string_view message, std::source_location where) {
  // Past the level: whatever is configured, this must be seen.
  const Field fields[] = {{"file", where.file_name()}, {"line", where.line()}};
  Log(Level::kError, message, fields);
  std::abort();
}

}  // namespace telemetry
