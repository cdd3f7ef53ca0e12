// For tests only: a TCP address that leads to a server once it is opened.
#ifndef ORDER_SAGA_OUTBOX_RELAY_TESTING_PORT_FORWARD_H_
#define ORDER_SAGA_OUTBOX_RELAY_TESTING_PORT_FORWARD_H_

#include <string>

#include "outbox-relay/testing/loopback_server.h"

namespace relay {

// Until Open() connections are refused. A Kafka client only begins here: then it goes to the
// address that the broker advertises.
class PortForward {
 public:
  // `target` is "127.0.0.1:PORT".
  explicit PortForward(const std::string& target);

  std::string address() const { return server_.address(); }
  void Open() { server_.Open(); }

 private:
  // Both ways, until one side closes.
  void Pump(int client, int stop_fd) const;

  const int target_port_;
  LoopbackServer server_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_TESTING_PORT_FORWARD_H_
