// One source database, for as long as the program runs: connects, streams, and after any trouble
// starts over from what is confirmed.
#ifndef ORDER_SAGA_OUTBOX_RELAY_SOURCE_LOOP_H_
#define ORDER_SAGA_OUTBOX_RELAY_SOURCE_LOOP_H_

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "outbox-relay/exactly_once.h"
#include "outbox-relay/history/state_topic.h"
#include "outbox-relay/history/verdict.h"
#include "outbox-relay/ledger/acks.h"
#include "outbox-relay/ledger/ledger.h"
#include "outbox-relay/parking/parking_lot.h"
#include "outbox-relay/parking/recovery.h"
#include "outbox-relay/retry_pause.h"
#include "outbox-relay/session_end.h"
#include "outbox-relay/session_report.h"
#include "outbox-relay/sink/producer.h"
#include "outbox-relay/source/replication_stream.h"
#include "outbox-relay/source/wal_identity.h"
#include "outbox-relay/source_metrics.h"
#include "outbox-relay/source_state.h"

namespace relay {

struct SourceOptions {
  std::string name;      // as in --source NAME=CONNINFO
  std::string conninfo;  // the relay's role in the service's database
  std::chrono::milliseconds wal_sender_timeout{10'000};
  std::chrono::milliseconds drain_timeout{8'000};
  ProducerOptions producer;
  std::string state_topic = kDefaultStateTopic;
  // Whether a lost slot or history is healed from the outbox's rows, instead of stopping.
  bool heal = false;
  // Events and position in one Kafka transaction, which lasts at most so long while there is more.
  bool exactly_once = false;
  std::chrono::milliseconds transaction_interval{500};
  ParkingOptions parking;
};

// Runs on one thread. A lost Postgres connection keeps the producer and the ledger: what is on its
// way to Kafka is not sent again. An event that a broker refuses costs the producer: everything
// from the confirmed position on is sent again through a new one, so that no gap opens in a key's
// events, and the event's key is parked when it comes again. In exactly-once mode each session has
// a producer of its own, and begins where Kafka says that the last one has come to.
class SourceLoop {
 public:
  SourceLoop(SourceOptions options, SourceMetrics& metrics, SourceState& state);

  // Until a stop; waits for Kafka's acknowledgements then. OK always.
  absl::Status Run(std::stop_token stop);

 private:
  using Clock = std::chrono::steady_clock;

  // One session, from the connection to its end.
  SessionEnd RunSession(std::stop_token stop);
  // Once the slot is ours: nobody else publishes or parks any more.
  absl::Status TakeOver(ReplicationStream& stream, const std::string& publication_fingerprint,
                        std::stop_token stop);
  // Exactly-once mode: goes on where the watermark in Kafka says.
  absl::Status BeginExactlyOnce(ReplicationStream& stream,
                                const std::string& publication_fingerprint, std::stop_token stop);
  // Whether the server and its slot are as relays have left them. DataLoss: they are not, and a
  // person must choose. Otherwise the ledger stands at the recorded position.
  enum class Reconciled { kMayStream, kHealed };  // kHealed: a new session is to begin
  absl::StatusOr<Reconciled> Reconcile(ReplicationStream& stream, std::stop_token stop);
  // Begins a new generation of the record on a promoted standby that goes on with the slot.
  absl::Status NoteFailover(const Evidence& evidence, const Verdict& verdict);
  // DataLoss if it may not, or cannot, be healed; once it is, the stream is connected anew.
  absl::Status HealSource(const Evidence& evidence, const Verdict& verdict, std::stop_token stop);
  // Goes on in a history that was accepted: what was remembered of another one means nothing.
  void ForgetPositions();
  // Unless there is one.
  absl::Status MakeProducer();
  void DropProducer();
  // After the producer is gone: what to do with the event that it failed for.
  void OnRefused(const PublishFailure& failure, Lsn sent_up_to, bool may_park);
  // All that Kafka has not acknowledged, and is not parked yet, goes with it. Answers what the
  // producer failed for, if it did.
  std::optional<PublishFailure> AbandonProducer();
  // From the confirmed position, with a new producer.
  std::optional<PublishFailure> StartOver();
  void OnDurable(Producer::Ticket ticket);
  // Waits for the stop, at most `pause`; acknowledgements are collected meanwhile.
  void Pause(std::chrono::milliseconds pause);

  const SourceOptions options_;
  SourceMetrics& metrics_;
  SourceState& state_;
  int stop_fd_ = -1;

  std::unique_ptr<Producer> producer_;
  Ledger ledger_;
  Acks acks_;
  ParkingLot parking_;
  Recovery recovery_;
  std::optional<ExactlyOnce> exactly_once_;  // of this session, if that is the mode
  std::optional<WalIdentity> history_;       // in which the ledger's positions are
  int64_t generation_ = 0;                   // the record's, at that time
  std::vector<Lsn> already_durable_;  // what a dropped producer had finished ahead of the rest

  Lsn confirmed_at_start_;  // of the last session, to see whether it got anywhere
  RetryPause retry_;
  SessionReport report_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_SOURCE_LOOP_H_
