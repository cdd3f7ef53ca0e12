#include "outbox-relay/testing/kafka_proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <thread>

namespace relay {
namespace {

constexpr int16_t kProduce = 0;  // Kafka's api_key

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
    : broker_port_(PortOf(broker)),
      server_([this](int client, int stop_fd) { Pump(client, stop_fd); }) {
  server_.Open();
}

void KafkaProxy::Pump(int client, int stop_fd) const {
  const int server = ConnectTo(broker_port_);
  bool open = server >= 0, lost = false, held = false;
  const std::string theirs = OnTheWire(broker_port_), ours = OnTheWire(server_.port());
  while (open) {
    held = held && hold_;
    const short answers = held ? 0 : POLLIN;
    pollfd waiting[] = {{client, POLLIN, 0}, {server, answers, 0}, {stop_fd, POLLIN, 0}};
    poll(waiting, 3, 100);
    open = waiting[2].revents == 0 && (!lost || swallow_);
    if (open && waiting[0].revents != 0) {
      const auto request = ReadFrame(client);
      int16_t api = -1;
      if (request && request->size() >= 6) std::memcpy(&api, request->data() + 4, sizeof api);
      const bool produce = ntohs(static_cast<uint16_t>(api)) == kProduce;
      const bool swallowed = swallow_ && produce;
      held = held || (hold_ && produce);
      lost = lost || swallowed;
      open = request && (swallowed || WriteAll(server, *request));
    }
    if (open && !held && waiting[1].revents != 0) {
      auto response = ReadFrame(server);
      std::this_thread::sleep_for(delay_.load());
      for (size_t at = 0; response && (at = response->find(theirs, at)) != std::string::npos;) {
        response->replace(at, theirs.size(), ours);
      }
      open = response && WriteAll(client, *response);
    }
  }
  close(server);
}

}  // namespace relay
