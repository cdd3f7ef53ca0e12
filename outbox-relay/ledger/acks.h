// Kafka's acknowledgements: into the ledger, and counted.
#ifndef ORDER_SAGA_OUTBOX_RELAY_LEDGER_ACKS_H_
#define ORDER_SAGA_OUTBOX_RELAY_LEDGER_ACKS_H_

#include <cstdint>
#include <vector>

#include "outbox-relay/ledger/ledger.h"
#include "outbox-relay/source_metrics.h"

namespace relay {

// Sums up what a hundred thousand events a second would make dear, until Flush. Used by one thread.
class Acks {
 public:
  Acks(Ledger& ledger, SourceMetrics& metrics);

  // Before the acknowledgements of one collection: they get the time of this call.
  void BeginCollection();
  void OnDurable(Ledger::Ticket ticket);
  // Brings the sums into the metrics.
  void Flush();

 private:
  Ledger& ledger_;
  SourceMetrics& metrics_;
  int64_t now_ = 0;
  uint64_t events_ = 0;
  double seconds_ = 0;
  std::vector<double> buckets_;
  // Events of a transaction follow each other: the bucket of the last one is mostly the next one's.
  Ledger::Ticket last_ticket_ = 0;
  double last_seconds_ = 0;
  size_t last_bucket_ = 0;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_LEDGER_ACKS_H_
