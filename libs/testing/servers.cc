#include "libs/testing/servers.h"

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "libs/uuid/uuid.h"

namespace testsupport {
namespace {

std::string FromEnvironment(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr || *value == '\0') {
    std::fprintf(stderr,
                 "%s is not set: this test needs real servers. Run it through ./dev test, or\n"
                 "  ./dev test-env ctest --test-dir build/dev -R NAME\n",
                 variable);
    std::exit(1);
  }
  return value;
}

}  // namespace

std::string PostgresServer() { return FromEnvironment("ORDER_SAGA_TEST_POSTGRES"); }

std::string KafkaServer() { return FromEnvironment("ORDER_SAGA_TEST_KAFKA"); }

std::string UniqueName(std::string_view prefix) {
  // The random half of the id.
  const std::string text = absl::StrReplaceAll(uuid::ToString(uuid::NewV7()), {{"-", ""}});
  return absl::StrCat(std::string(prefix), text.substr(16));
}

}  // namespace testsupport
