// Asks a running program for its readiness, as an orchestrator without a shell in the image must.
#ifndef ORDER_SAGA_LIBS_TELEMETRY_ASK_READY_H_
#define ORDER_SAGA_LIBS_TELEMETRY_ASK_READY_H_

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "libs/telemetry/host_port.h"

namespace telemetry {

// What /readyz of the program that listens there (at all addresses: on this machine) says, if it is
// ready. Unavailable: it is not, and the text says why; or nobody answers within `timeout`.
absl::StatusOr<std::string> AskReady(HostPort address, std::chrono::milliseconds timeout);

}  // namespace telemetry

#endif  // ORDER_SAGA_LIBS_TELEMETRY_ASK_READY_H_
