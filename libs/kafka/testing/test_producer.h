// For tests only: puts messages onto topics, one after the other, and waits for them.
#ifndef ORDER_SAGA_LIBS_KAFKA_TESTING_TEST_PRODUCER_H_
#define ORDER_SAGA_LIBS_KAFKA_TESTING_TEST_PRODUCER_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

struct rd_kafka_s;

namespace kafka {

struct TestMessage {
  std::string topic;
  std::optional<std::string> key = std::nullopt;
  std::optional<std::string> payload = std::nullopt;
  std::vector<std::pair<std::string, std::string>> headers = {};
  // By the key, as a Java client would choose, if negative.
  std::int32_t partition = -1;
};

class TestProducer {
 public:
  // With a `transactional_id`, every message is to go through ProduceInTransaction.
  explicit TestProducer(const std::string& brokers, const std::string& transactional_id = "");
  ~TestProducer();
  TestProducer(const TestProducer&) = delete;
  TestProducer& operator=(const TestProducer&) = delete;

  // Queues it; aborts the test program if that cannot be.
  void Produce(const TestMessage& message);
  // A transaction of its own, committed when this returns.
  void ProduceInTransaction(const TestMessage& message);
  // Waits until the broker has everything; aborts the test program after 30 s.
  void Flush();

 private:
  void Meet(const std::string& topic);

  rd_kafka_s* client_;
  std::set<std::string> met_;
};

}  // namespace kafka

#endif  // ORDER_SAGA_LIBS_KAFKA_TESTING_TEST_PRODUCER_H_
