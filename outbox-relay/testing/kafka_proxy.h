// For tests only: a broker that answers everything but produce requests, or not yet.
#ifndef ORDER_SAGA_OUTBOX_RELAY_TESTING_KAFKA_PROXY_H_
#define ORDER_SAGA_OUTBOX_RELAY_TESTING_KAFKA_PROXY_H_

#include <atomic>
#include <chrono>
#include <string>

#include "outbox-relay/testing/loopback_server.h"

namespace relay {

// Stands before a single broker at "127.0.0.1:PORT", and replaces that address by its own in what
// the broker says, so that clients stay with it.
class KafkaProxy {
 public:
  explicit KafkaProxy(const std::string& broker);

  std::string address() const { return server_.address(); }

  // From now on produce requests vanish; or no longer do, and connections on which some have break.
  void SwallowProduce(bool swallow = true) { swallow_ = swallow; }

  // From now on produce requests arrive, and their connections answer nothing until they may.
  void HoldAnswers(bool hold = true) { hold_ = hold; }

  // From now on each answer takes so much longer: a broker that is far away.
  void DelayAnswers(std::chrono::milliseconds delay) { delay_ = delay; }

 private:
  void Pump(int client, int stop_fd) const;

  const int broker_port_;
  std::atomic<bool> swallow_{false};
  std::atomic<bool> hold_{false};
  std::atomic<std::chrono::milliseconds> delay_{std::chrono::milliseconds(0)};
  LoopbackServer server_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_TESTING_KAFKA_PROXY_H_
