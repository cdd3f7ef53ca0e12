// Keeps the record of a source up to date: in the database, then in Kafka.
#ifndef ORDER_SAGA_OUTBOX_RELAY_HISTORY_RECORDER_H_
#define ORDER_SAGA_OUTBOX_RELAY_HISTORY_RECORDER_H_

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "libs/postgres/connection.h"
#include "outbox-relay/history/confirm_gate.h"
#include "outbox-relay/history/record.h"
#include "outbox-relay/history/sample_history.h"
#include "outbox-relay/history/state_topic.h"
#include "outbox-relay/source_state.h"

namespace relay {

// Used by the watch's thread. While events are acknowledged the position is recorded at each round,
// else when there is something worth it; snapshots, offsets and the topic's copy once a second. A
// relay that does not stream records nothing.
class HistoryRecorder {
 public:
  HistoryRecorder(StateTopicOptions topic, SourceState& state)
      : topic_(std::move(topic)), state_(state) {}

  // One round. `samples` are of this connection's server. Aborted: the record is not the stream's
  // any more, the publication was altered, or this connection's server is another than the
  // stream's; the session ends, and nothing is recorded until the next begins.
  absl::Status Record(postgres::Connection& connection, SampleHistory& samples);

  // After the stream's last acknowledgement: everything, at once.
  absl::Status RecordLast(postgres::Connection& connection, SampleHistory& samples);

 private:
  using Clock = std::chrono::steady_clock;

  void Begin(const ConfirmGate::Session& session, SampleHistory& samples);
  // Kafka was away when the stream began: the topic's copy is judged as soon as it can be read.
  absl::Status CompareTopic(postgres::Connection& connection, const ConfirmGate::Session& session);
  void FillIn(SampleHistory& samples);
  absl::Status Write(postgres::Connection& connection, bool whole);
  void WriteTopic(std::chrono::milliseconds wait);

  const StateTopicOptions topic_;
  SourceState& state_;

  int64_t session_ = 0;
  HistoryRecord record_;  // the next to be written
  Lsn recorded_;          // the position that stands in the database
  bool has_row_ = false;
  Lsn events_up_to_;    // there were events before it
  uint64_t notes_ = 0;  // AckedOffsets::notes() at the last write
  Clock::time_point written_at_, whole_at_, samples_at_, compare_at_, topic_at_;
  std::unique_ptr<StateTopicWriter> writer_;
  bool topic_made_ = false;
  std::string reported_;
};

}  // namespace relay

#endif  // ORDER_SAGA_OUTBOX_RELAY_HISTORY_RECORDER_H_
