#include "outbox-relay/testing/port_forward.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

namespace relay {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// False once `from` has no more.
bool Move(int from, int to) {
  char buffer[16384];
  const ssize_t size = read(from, buffer, sizeof buffer);
  return size > 0 && write(to, buffer, static_cast<size_t>(size)) == size;
}

}  // namespace

PortForward::PortForward(const std::string& target)
    : target_port_(std::atoi(target.c_str() + target.rfind(':') + 1)),
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

PortForward::~PortForward() {
  eventfd_write(stop_fd_, 1);
  // The first thread adds the others and ends before they are joined.
  for (size_t i = 0; i < threads_.size(); ++i) threads_[i].join();
  close(listener_);
  close(stop_fd_);
}

std::string PortForward::address() const { return "127.0.0.1:" + std::to_string(port_); }

void PortForward::Open() {
  if (listen(listener_, 16) != 0) std::abort();
  threads_.reserve(64);
  threads_.emplace_back([this] { Serve(); });
}

void PortForward::Serve() {
  for (;;) {
    pollfd waiting[] = {{listener_, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    poll(waiting, 2, -1);
    if (waiting[1].revents != 0 || threads_.size() == threads_.capacity()) return;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) threads_.emplace_back([this, client] { Pump(client); });
  }
}

void PortForward::Pump(int client) {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(target_port_);
  bool open = connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  while (open) {
    pollfd waiting[] = {{client, POLLIN, 0}, {server, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    poll(waiting, 3, -1);
    open = waiting[2].revents == 0 && (waiting[0].revents == 0 || Move(client, server)) &&
           (waiting[1].revents == 0 || Move(server, client));
  }
  close(client);
  close(server);
}

}  // namespace relay
