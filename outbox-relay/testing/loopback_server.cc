#include "outbox-relay/testing/loopback_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace relay {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

LoopbackServer::LoopbackServer(Serve serve)
    : serve_(std::move(serve)),
      listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      stop_fd_(eventfd(0, EFD_CLOEXEC)) {
  // Bound and not listening: the port is ours, and connections are refused.
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
}

LoopbackServer::~LoopbackServer() {
  eventfd_write(stop_fd_, 1);
  // The first thread adds the others and ends before they are joined.
  for (size_t i = 0; i < threads_.size(); ++i) threads_[i].join();
  close(listener_);
  close(stop_fd_);
}

void LoopbackServer::Open() {
  if (listen(listener_, 16) != 0) std::abort();
  threads_.reserve(64);
  threads_.emplace_back([this] { Accept(); });
}

void LoopbackServer::Accept() {
  for (;;) {
    pollfd waiting[] = {{listener_, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    poll(waiting, 2, -1);
    if (waiting[1].revents != 0 || threads_.size() == threads_.capacity()) return;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    threads_.emplace_back([this, client] {
      serve_(client, stop_fd_);
      close(client);
    });
  }
}

int PortOf(const std::string& address) {
  return std::atoi(address.c_str() + address.rfind(':') + 1);
}

int ConnectTo(int port) {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return server;
  }
  close(server);
  return -1;
}

}  // namespace relay
