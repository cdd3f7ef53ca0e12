// What the verbs of operators have in common.
#ifndef ORDER_SAGA_OUTBOX_RELAY_VERBS_FOR_EACH_SOURCE_H_
#define ORDER_SAGA_OUTBOX_RELAY_VERBS_FOR_EACH_SOURCE_H_

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "libs/postgres/connection.h"

namespace relay {

// Does `act` for each of --source in turn, on a connection of its own. Errors go to stderr, without
// the passwords of conninfos; the others are done all the same. The exit code.
int ForEachSource(
    const std::vector<std::string>& sources, const std::string& application,
    absl::FunctionRef<absl::Status(const std::string& source, postgres::Connection&)> act);

// "user@host": who does it.
std::string WhoAmI();

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_VERBS_FOR_EACH_SOURCE_H_
