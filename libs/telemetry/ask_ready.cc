#include "libs/telemetry/ask_ready.h"

#include <httplib.h>

#include "absl/strings/str_cat.h"

namespace telemetry {

absl::StatusOr<std::string> AskReady(HostPort address, std::chrono::milliseconds timeout) {
  if (address.host == "0.0.0.0") address.host = "127.0.0.1";
  if (address.host == "::") address.host = "::1";
  httplib::Client client(address.host, address.port);
  client.set_connection_timeout(timeout);
  client.set_read_timeout(timeout);
  const httplib::Result answer = client.Get("/readyz");
  if (!answer) {
    const bool refused = answer.error() == httplib::Error::Connection;
    return absl::UnavailableError(
        absl::StrCat("nobody answers at http://", address.ToString(), "/readyz (",
                     httplib::to_string(answer.error()), "): ",
                     refused ? "the program does not run, or has another --http_address"
                             : "the program hangs, or is too busy to answer in time"));
  }
  if (answer->status != 200) {
    return absl::UnavailableError(absl::StrCat("not ready (", answer->status, "): ", answer->body));
  }
  return answer->body;
}

}  // namespace telemetry
