// The relay itself: one loop, five stages, from a replication stream to Kafka.
#ifndef ORDER_SAGA_OUTBOX_RELAY_RELAY_H_
#define ORDER_SAGA_OUTBOX_RELAY_RELAY_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "outbox-relay/exactly_once.h"
#include "outbox-relay/ledger/acks.h"
#include "outbox-relay/ledger/ledger.h"
#include "outbox-relay/parking/parking_lot.h"
#include "outbox-relay/pending_record.h"
#include "outbox-relay/session_end.h"
#include "outbox-relay/sink/producer.h"
#include "outbox-relay/source/confirm_schedule.h"
#include "outbox-relay/source/read_pacer.h"
#include "outbox-relay/source/replication_stream.h"
#include "outbox-relay/source/stream_frame.h"
#include "outbox-relay/source/transaction_reader.h"
#include "outbox-relay/source_metrics.h"
#include "outbox-relay/source_state.h"

namespace relay {

struct RelayOptions {
  std::string name;  // the source's, for ce_source and logs
  std::chrono::milliseconds wal_sender_timeout{10'000};
  // How long a stop waits for Kafka's acknowledgements.
  std::chrono::milliseconds drain_timeout{8'000};
  std::stop_token stop;
  int stop_fd = -1;  // readable once `stop` is requested
  // In exactly-once mode, else null. Not owned; begun.
  ExactlyOnce* exactly_once = nullptr;
  // The session ends, with nothing in flight, once more than this is confirmed.
  std::optional<Lsn> leave_behind = {};
  // Of what it was left for: then what is released is not waited for.
  bool guilty_found = false;
};

// One streaming session, on one thread. It waits in poll(2) only, for Postgres's socket,
// librdkafka's events and the stop. What it refers to must outlive it; ledger and sink live on to
// the next session.
class Relay {
 public:
  // `already_durable`: sorted commit LSNs of transactions that may come again although Kafka has
  // them.
  Relay(RelayOptions options, ReplicationStream& source, Producer& sink, Ledger& ledger, Acks& acks,
        ParkingLot& parking, SourceMetrics& metrics, SourceState& state,
        std::vector<Lsn> already_durable);

  // The source must have been started. Until a stop (kStopped) or a pause (kPaused), until what is
  // to be left behind is (kPassed), or until something fails (kFailed). If the sink has failed it
  // must be replaced.
  SessionEnd Run();

 private:
  using Clock = std::chrono::steady_clock;

  // All stages, as far as they get without waiting.
  absl::Status Turn();

  // The stages.
  absl::Status Receive();
  absl::Status OnFrame(std::string_view bytes);
  absl::Status OnData(std::string_view message);
  absl::Status OnKeepalive(const Keepalive& keepalive);
  void OnBegin();
  // To the sink, or to what is parked.
  absl::Status Route();
  absl::Status Collect();
  // Exactly-once mode: ends the transaction in Kafka when it is time.
  void EndTransaction();
  absl::Status Confirm();

  // Exactly-once mode: whether a session before this one has published the row.
  bool IsPublished() const;
  absl::Status Wait();
  bool MayRead() const;
  // Ends a burst of reading. False: it goes on, since the socket has more.
  bool EndBurst();
  // What Postgres may be told; 0/0 if nothing.
  Lsn Tellable() const;
  absl::Status CheckServerLeaving();
  // Whether a stop that was requested may be carried out now.
  bool Drained();
  // Whether more of what is released may be published. In exactly-once mode a session that wants to
  // leave would else have something on its way for as long as there is some; it has a few seconds.
  bool MayRelease() const;
  // Whether what the session was for is done.
  bool MayLeave();
  // Whether nothing more is to be read: the session ends once nothing is on its way.
  bool Ending() const;
  void Finish();

  const RelayOptions options_;
  ReplicationStream& source_;
  Producer& sink_;
  Ledger& ledger_;
  Acks& acks_;
  ParkingLot& parking_;
  SourceMetrics& metrics_;
  SourceState& state_;
  StageTimers timers_;
  TransactionReader transactions_;
  // As long as one waits, for room or its topic, nothing is read.
  PendingRecord pending_;

  bool read_all_ = false;  // what was received is worked off
  ReadPacer pacer_;
  bool in_burst_ = false;
  uint64_t burst_events_ = 0;
  bool skipping_ = false;  // Kafka has the transaction that is coming in, or gets it from this sink
  const Lsn known_before_;
  const std::vector<Lsn> already_durable_;

  int64_t ordinal_ = -1;  // of the last row that was read, in its transaction; -1: of none

  ConfirmSchedule schedule_;
  StopDetector stop_detector_;
  // Where this session's stream began. What lies before is never told: another relay may have
  // confirmed more than our ledger knows, and the slot must not go back.
  std::optional<Lsn> floor_;
  Clock::time_point moved_at_;  // when the confirmed position last moved

  std::optional<Clock::time_point> passed_at_;  // what the session was for is behind since
  bool leaving_ = false;  // and what is still on its way is of the stream only
  bool draining_ = false;
  bool done_reading_ = false;
  Clock::time_point drain_since_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_RELAY_H_
