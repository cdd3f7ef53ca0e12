// For tests only: a broker that answers everything but produce requests.
#ifndef ORDER_SAGA_OUTBOX_RELAY_TESTING_KAFKA_PROXY_H_
#define ORDER_SAGA_OUTBOX_RELAY_TESTING_KAFKA_PROXY_H_

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace relay {

// Stands before a single broker at "127.0.0.1:PORT", and replaces that address by its own in what
// the broker says, so that clients stay with it.
class KafkaProxy {
 public:
  explicit KafkaProxy(const std::string& broker);
  ~KafkaProxy();
  KafkaProxy(const KafkaProxy&) = delete;
  KafkaProxy& operator=(const KafkaProxy&) = delete;

  std::string address() const;

  // From now on produce requests vanish.
  void SwallowProduce() { swallow_ = true; }

 private:
  void Serve();
  void Pump(int client);

  int broker_port_ = 0;
  int port_ = 0;
  int listener_ = -1;
  int stop_fd_ = -1;
  std::atomic<bool> swallow_{false};
  std::vector<std::thread> threads_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_TESTING_KAFKA_PROXY_H_
