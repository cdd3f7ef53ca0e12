// For tests only: a TCP server on a port of its own, a thread for each connection.
#ifndef ORDER_SAGA_OUTBOX_RELAY_TESTING_LOOPBACK_SERVER_H_
#define ORDER_SAGA_OUTBOX_RELAY_TESTING_LOOPBACK_SERVER_H_

#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace relay {

class LoopbackServer {
 public:
  // Serves one connection, which is closed behind it; returns once `stop_fd` is readable.
  using Serve = std::function<void(int client, int stop_fd)>;

  // Until Open() connections are refused, but the port is ours.
  explicit LoopbackServer(Serve serve);
  ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  int port() const { return port_; }
  // "127.0.0.1:PORT".
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void Open();

 private:
  void Accept();

  const Serve serve_;
  int port_ = 0;
  int listener_ = -1;
  int stop_fd_ = -1;
  std::vector<std::thread> threads_;
};

// The port of "127.0.0.1:PORT".
int PortOf(const std::string& address);

// A socket that is connected to that port, to be closed; -1 if nobody listens.
int ConnectTo(int port);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_TESTING_LOOPBACK_SERVER_H_
