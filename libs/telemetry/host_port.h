// Addresses that a program listens on, as people write them.
#ifndef ORDER_SAGA_LIBS_TELEMETRY_HOST_PORT_H_
#define ORDER_SAGA_LIBS_TELEMETRY_HOST_PORT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace telemetry {

struct HostPort {
  std::string host;  // a name, an IPv4 address, or an IPv6 address without brackets
  std::uint16_t port = 0;

  // "127.0.0.1:21001", "[::1]:21001".
  std::string ToString() const;
};

// "HOST:PORT" or "[IPv6]:PORT"; port 0 means: any free one.
absl::StatusOr<HostPort> ParseHostPort(std::string_view text);

// Why nobody could listen there, asked of the kernel by trying: "port 21001 on 127.0.0.1 is taken
// by another process". OK if it could be used.
absl::Status CheckCanListen(const HostPort& address);

}  // namespace telemetry

#endif  // ORDER_SAGA_LIBS_TELEMETRY_HOST_PORT_H_
