// For tests only: a database with an outbox and its slot, a topic, and what arrives there.
#ifndef ORDER_SAGA_OUTBOX_RELAY_TESTING_RELAY_FIXTURE_H_
#define ORDER_SAGA_OUTBOX_RELAY_TESTING_RELAY_FIXTURE_H_

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "libs/kafka/config.h"
#include "libs/testing/servers.h"
#include "libs/testing/test_database.h"
#include "outbox-relay/testing/relay_process.h"

namespace relay {

struct Received {
  std::string key;
  std::optional<std::string> value;
  std::map<std::string, std::string> headers;
  int partition = 0;

  const std::string& id() const { return headers.at("id"); }
};

class RelayFixture : public ::testing::Test {
 protected:
  RelayFixture();

  // As a service's migrate does it.
  void MakeSlot();
  void MakeTopic(const std::string& topic, int partitions = 12);

  // The relay for this database and the test's broker.
  std::unique_ptr<RelayProcess> StartRelay(std::vector<std::string> more = {},
                                           const std::string& brokers = "");

  // Statements as the owner, in one transaction.
  void Execute(const std::string& sql);
  // One transaction of `count` events "<prefix>1" …, their payloads the same, spread over `keys`
  // keys.
  void InsertEvents(const std::string& prefix, int count, int keys = 10);
  // A lock that is not granted at once makes it try again, as whoever calls it does.
  void CreatePartitionsAhead(int days);

  // What `topic` holds, each partition in its order: reads until `enough` different ids are there,
  // at most 60 s, or fails.
  std::vector<Received> Read(size_t enough);
  std::vector<Received> Read(const std::string& topic, size_t enough);

  // Tries until it holds, at most 30 s; fails with `what` otherwise.
  static void Eventually(const std::string& what, const std::function<bool()>& holds);

  std::string SlotConfirmed() const;
  bool SlotActive() const;
  // How many rows are not in the snapshot of what is published that relays have recorded.
  int64_t Unrecorded() const;

  testsupport::TestDatabase database_;
  const std::string topic_ = testsupport::UniqueName("relay-");
  // The relays of a test share it, as those of one source do.
  const std::string state_topic_ = testsupport::UniqueName("relay-state-");
  const kafka::Settings kafka_;
};

// The payloads in the order of their first occurrence, key by key.
std::map<std::string, std::vector<std::string>> FirstOccurrences(
    const std::vector<Received>& records);

std::set<std::string> Ids(const std::vector<Received>& records);

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_TESTING_RELAY_FIXTURE_H_
