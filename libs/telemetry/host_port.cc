#include "libs/telemetry/host_port.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace telemetry {
namespace {

absl::Status Malformed(std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", std::string(text),
                   "\" is not an address: write HOST:PORT, as in 127.0.0.1:21001 or [::1]:21001"));
}

std::string Explain(const HostPort& address, int error) {
  switch (error) {
    case EADDRINUSE:
      return absl::StrCat("port ", address.port, " on ", address.host,
                          " is taken by another process; choose another, or 0 for any free one");
    case EACCES:
      return absl::StrCat("port ", address.port,
                          " needs privileges: choose one from 1024 on, or grant "
                          "CAP_NET_BIND_SERVICE");
    case EADDRNOTAVAIL:
      return absl::StrCat(address.host, " is not an address of this machine");
    default:
      return absl::StrCat("cannot listen on ", address.ToString(), ": ", std::strerror(error));
  }
}

// 0, or errno.
int TryToListen(const addrinfo& info) {
  const int fd = socket(info.ai_family, info.ai_socktype | SOCK_CLOEXEC, info.ai_protocol);
  if (fd < 0) return errno;
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const bool works = bind(fd, info.ai_addr, info.ai_addrlen) == 0 && listen(fd, 1) == 0;
  const int error = works ? 0 : errno;
  close(fd);
  return error;
}

}  // namespace

std::string HostPort::ToString() const {
  return host.find(':') == std::string::npos ? absl::StrCat(host, ":", port)
                                             : absl::StrCat("[", host, "]:", port);
}

absl::StatusOr<HostPort> ParseHostPort(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return Malformed(text);
  std::string_view host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return Malformed(text);
  }
  const std::string digits(text.substr(colon + 1));
  std::uint32_t port = 0;
  if (host.empty() || digits.find_first_not_of("0123456789") != std::string::npos ||
      !absl::SimpleAtoi(digits, &port) || port > 65535) {
    return Malformed(text);
  }
  return HostPort{std::string(host), static_cast<std::uint16_t>(port)};
}

absl::Status CheckCanListen(const HostPort& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int failed =
      getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (failed != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot listen on ", address.ToString(), ": ", gai_strerror(failed)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  int error = 0;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    error = TryToListen(*info);
    if (error == 0) return absl::OkStatus();
  }
  return absl::FailedPreconditionError(Explain(address, error));
}

}  // namespace telemetry
