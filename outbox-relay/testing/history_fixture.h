// For tests only: a source whose relay has died, and what is done to its slot meanwhile.
#ifndef ORDER_SAGA_OUTBOX_RELAY_TESTING_HISTORY_FIXTURE_H_
#define ORDER_SAGA_OUTBOX_RELAY_TESTING_HISTORY_FIXTURE_H_

#include <string>

#include "outbox-relay/history/accept.h"
#include "outbox-relay/testing/relay_fixture.h"

namespace relay {

class HistoryFixture : public RelayFixture {
 protected:
  void SetUp() override;

  std::string Slot() const { return "outbox_" + database_.name(); }
  void DropSlot();
  // To where the log is now.
  void AdvanceSlot();

  // A relay publishes `prefix`1 to 100, is killed, and what it leaves is at rest.
  void PublishAndDie(const std::string& prefix = "published", std::vector<std::string> flags = {});

  // It says `what` and the choices, is not ready, and does not touch the slot.
  void ExpectRefused(const RelayProcess& relay, const std::string& what);

  AcceptOptions Accepting(const std::string& finding = "") const;
  // By the verb: what it finds now, with the outbox's rows up to `seq` at Kafka.
  void AcceptRowsUpTo(int64_t seq) const;
  // The id of what the verb finds now; "none".
  std::string Finding() const;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_TESTING_HISTORY_FIXTURE_H_
