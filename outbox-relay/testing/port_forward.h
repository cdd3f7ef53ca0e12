// For tests only: a TCP address that leads to a server once it is opened.
#ifndef ORDER_SAGA_OUTBOX_RELAY_TESTING_PORT_FORWARD_H_
#define ORDER_SAGA_OUTBOX_RELAY_TESTING_PORT_FORWARD_H_

#include <string>
#include <thread>
#include <vector>

namespace relay {

// Until Open() connections are refused. A Kafka client only begins here: then it goes to the
// address that the broker advertises.
class PortForward {
 public:
  // `target` is "127.0.0.1:PORT".
  explicit PortForward(const std::string& target);
  ~PortForward();
  PortForward(const PortForward&) = delete;
  PortForward& operator=(const PortForward&) = delete;

  std::string address() const;
  void Open();

 private:
  void Serve();
  // Both ways, until one side closes.
  void Pump(int client);

  int target_port_ = 0;
  int port_ = 0;
  int listener_ = -1;
  int stop_fd_ = -1;
  std::vector<std::thread> threads_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_TESTING_PORT_FORWARD_H_
