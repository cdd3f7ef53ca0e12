#include "outbox-relay/testing/kafka_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace relay {
namespace {

constexpr int16_t kProduce = 0;  // Kafka's api_key

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool ReadAll(int fd, char* out, size_t size) {
  while (size > 0) {
    const ssize_t got = read(fd, out, size);
    if (got <= 0) return false;
    out += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

bool WriteAll(int fd, const std::string& bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t put = send(fd, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (put <= 0) return false;
    at += static_cast<size_t>(put);
  }
  return true;
}

// One request or response, its size in front.
std::optional<std::string> ReadFrame(int fd) {
  uint32_t size = 0;
  if (!ReadAll(fd, reinterpret_cast<char*>(&size), sizeof size)) return std::nullopt;
  std::string frame(sizeof size + ntohl(size), '\0');
  std::memcpy(frame.data(), &size, sizeof size);
  if (!ReadAll(fd, frame.data() + sizeof size, ntohl(size))) return std::nullopt;
  return frame;
}

// As it stands in a metadata response: the host's last bytes, then the port in 32 bits.
std::string OnTheWire(int port) {
  const uint32_t number = htonl(static_cast<uint32_t>(port));
  return "127.0.0.1" + std::string(reinterpret_cast<const char*>(&number), sizeof number);
}

}  // namespace

KafkaProxy::KafkaProxy(const std::string& broker)
    : broker_port_(std::atoi(broker.c_str() + broker.rfind(':') + 1)),
      listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      stop_fd_(eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      listen(listener_, 16) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  threads_.reserve(64);
  threads_.emplace_back([this] { Serve(); });
}

KafkaProxy::~KafkaProxy() {
  eventfd_write(stop_fd_, 1);
  // The first thread adds the others and ends before they are joined.
  for (size_t i = 0; i < threads_.size(); ++i) threads_[i].join();
  close(listener_);
  close(stop_fd_);
}

std::string KafkaProxy::address() const { return "127.0.0.1:" + std::to_string(port_); }

void KafkaProxy::Serve() {
  for (;;) {
    pollfd waiting[] = {{listener_, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    poll(waiting, 2, -1);
    if (waiting[1].revents != 0 || threads_.size() == threads_.capacity()) return;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) threads_.emplace_back([this, client] { Pump(client); });
  }
}

void KafkaProxy::Pump(int client) {
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(broker_port_);
  bool open = connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const std::string theirs = OnTheWire(broker_port_), ours = OnTheWire(port_);
  while (open) {
    pollfd waiting[] = {{client, POLLIN, 0}, {server, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    poll(waiting, 3, -1);
    open = waiting[2].revents == 0;
    if (open && waiting[0].revents != 0) {
      const auto request = ReadFrame(client);
      int16_t api = -1;
      if (request && request->size() >= 6) std::memcpy(&api, request->data() + 4, sizeof api);
      const bool swallowed = swallow_ && ntohs(static_cast<uint16_t>(api)) == kProduce;
      open = request && (swallowed || WriteAll(server, *request));
    }
    if (open && waiting[1].revents != 0) {
      auto response = ReadFrame(server);
      for (size_t at = 0; response && (at = response->find(theirs, at)) != std::string::npos;) {
        response->replace(at, theirs.size(), ours);
      }
      open = response && WriteAll(client, *response);
    }
  }
  close(server);
  close(client);
}

}  // namespace relay
