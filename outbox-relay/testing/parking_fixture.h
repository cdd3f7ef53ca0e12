// For tests only: events that Kafka refuses, and what is parked.
#ifndef ORDER_SAGA_OUTBOX_RELAY_TESTING_PARKING_FIXTURE_H_
#define ORDER_SAGA_OUTBOX_RELAY_TESTING_PARKING_FIXTURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "outbox-relay/testing/relay_fixture.h"
#include "outbox-relay/testing/verb_run.h"

namespace relay {

// Bytes that no compression makes smaller.
inline constexpr char kRandom100k[] =
    "(SELECT string_agg(uuid_send(gen_random_uuid()), '') FROM generate_series(1, 6250))";

class ParkingFixture : public RelayFixture {
 protected:
  void SetUp() override { MakeSlot(); }

  // A statement.
  std::string Insert(const std::string& id, const std::string& key, const std::string& payload,
                     const std::string& topic) {
    return absl::StrCat(
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) ", "VALUES (",
        id, ", 'T', '", key, "', 'T', ", payload, ", '", topic, "');");
  }
  int64_t ParkedEvents() {
    return database_.Count("SELECT count(*) FROM outbox_parked WHERE dropped_at IS NULL");
  }
  int64_t ParkedKeys() { return database_.Count("SELECT count(*) FROM outbox_parked_keys"); }
  void EventuallyParked(int64_t events) {
    Eventually(absl::StrCat(events, " events are parked"),
               [&] { return ParkedEvents() == events; });
  }
  void EventuallyNothingParked() {
    Eventually("nothing is parked", [&] { return ParkedKeys() == 0 && ParkedEvents() == 0; });
  }
  VerbRun Parked(const std::string& verb, std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"parked", verb, "--source=test=" + database_.relay()});
    return RunVerb(flags);
  }
  static double Gauge(const RelayProcess& relay, const std::string& name) {
    return relay.Metric(name + "{source=\"test\"}");
  }
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_TESTING_PARKING_FIXTURE_H_
