#include "outbox-relay/testing/port_forward.h"

#include <poll.h>
#include <unistd.h>

namespace relay {
namespace {

// False once `from` has no more.
bool Move(int from, int to) {
  char buffer[16384];
  const ssize_t size = read(from, buffer, sizeof buffer);
  return size > 0 && write(to, buffer, static_cast<size_t>(size)) == size;
}

}  // namespace

PortForward::PortForward(const std::string& target)
    : target_port_(PortOf(target)),
      server_([this](int client, int stop_fd) { Pump(client, stop_fd); }) {}

void PortForward::Pump(int client, int stop_fd) const {
  const int server = ConnectTo(target_port_);
  bool open = server >= 0;
  while (open) {
    pollfd waiting[] = {{client, POLLIN, 0}, {server, POLLIN, 0}, {stop_fd, POLLIN, 0}};
    poll(waiting, 3, -1);
    open = waiting[2].revents == 0 && (waiting[0].revents == 0 || Move(client, server)) &&
           (waiting[1].revents == 0 || Move(server, client));
  }
  close(server);
}

}  // namespace relay
