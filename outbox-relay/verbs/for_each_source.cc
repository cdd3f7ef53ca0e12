#include "outbox-relay/verbs/for_each_source.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "libs/service/redact.h"
#include "outbox-relay/relay_config.h"

namespace relay {

int ForEachSource(
    const std::vector<std::string>& sources, const std::string& application,
    absl::FunctionRef<absl::Status(const std::string& source, postgres::Connection&)> act) {
  int exit_code = 0;
  for (const NamedSource& source : ToSources(sources)) {
    auto connection = postgres::Connection::Open(source.conninfo, application);
    const absl::Status done = connection.ok() ? act(source.name, *connection) : connection.status();
    if (done.ok()) continue;
    std::fprintf(stderr, "%s: %s\n", source.name.c_str(),
                 service::Redact(std::string(done.message())).c_str());
    exit_code = 1;
  }
  return exit_code;
}

std::string WhoAmI() {
  const passwd* const user = getpwuid(getuid());
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return absl::StrCat(user != nullptr ? user->pw_name : absl::StrCat(getuid()), "@", host);
}

}  // namespace relay
