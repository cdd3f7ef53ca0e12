#include "outbox-relay/history/recorder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/telemetry/log.h"
#include "outbox-relay/history/explain_finding.h"
#include "outbox-relay/history/state_table.h"
#include "outbox-relay/history/verdict.h"

namespace relay {
namespace {

using std::chrono::milliseconds;

// Without events, log of other tables is worth a record from this size on, or after this time: our
// own record is log too, and must not be a reason for the next.
constexpr uint64_t kWorthBytes = 256 << 10;
constexpr std::chrono::seconds kWorthAfter(10);
constexpr std::chrono::seconds kWholeEvery(1);
// In a long backlog the list of samples is some 40 kB.
constexpr size_t kFewSamples = 64;
constexpr std::chrono::seconds kManySamplesEvery(10);
constexpr milliseconds kTopicAnswer(1'000);
constexpr std::chrono::seconds kTopicAgain(2), kTopicMakeAgain(15);
// Somebody may have deleted it.
constexpr std::chrono::seconds kTopicLookAgain(60);

}  // namespace

void HistoryRecorder::Begin(const ConfirmGate::Session& session, SampleHistory& samples) {
  session_ = session.number;
  record_ = session.base;
  recorded_ = events_up_to_ = record_.confirmed;
  has_row_ = false;
  const auto offsets = std::make_shared<const TopicOffsets>(record_.offsets);
  std::vector<std::pair<std::string, Lsn>> earlier;
  if (!record_.snapshot.empty()) earlier.emplace_back(record_.snapshot, record_.snapshot_at);
  earlier.insert(earlier.end(), record_.samples.begin(), record_.samples.end());
  samples.Restore(earlier, offsets);
  written_at_ = whole_at_ = samples_at_ = compare_at_ = {};
}

absl::Status HistoryRecorder::Record(postgres::Connection& connection, SampleHistory& samples) {
  const std::optional<ConfirmGate::Session> session = state_.gate().session();
  if (!session || !state_.gate().refusal().ok()) return absl::OkStatus();
  if (session->number != session_) Begin(*session, samples);
  if (!session->topic_read) return CompareTopic(connection, *session);
  const Lsn confirmed = state_.confirmed();
  if (confirmed <= recorded_) return absl::OkStatus();
  const Clock::time_point now = Clock::now();
  const bool events = state_.gate().offsets().notes() != notes_;
  if (events) events_up_to_ = confirmed;
  // Behind the last events there is one more, with a snapshot that shows them.
  const bool covered = record_.snapshot_at >= events_up_to_ || now - whole_at_ < kWholeEvery;
  const bool worth = events || !covered || !has_row_ ||
                     confirmed.value - recorded_.value >= kWorthBytes ||
                     now - written_at_ >= kWorthAfter;
  if (!worth) return absl::OkStatus();
  const bool whole = !has_row_ || now - whole_at_ >= kWholeEvery;
  record_.confirmed = confirmed;
  if (whole) FillIn(samples);
  absl::Status written = Write(connection, whole);
  // Only what is in the row: the server may turn out to be another's.
  if (whole && recorded_ == confirmed) WriteTopic(milliseconds(0));
  return written;
}

absl::Status HistoryRecorder::RecordLast(postgres::Connection& connection, SampleHistory& samples) {
  const std::optional<ConfirmGate::Session> session = state_.gate().session();
  if (!session || !session->topic_read || !state_.gate().refusal().ok()) return absl::OkStatus();
  // A relay that was stopped at once: no round has seen its session.
  if (session->number != session_) Begin(*session, samples);
  const Lsn confirmed = state_.confirmed();
  if (confirmed <= recorded_) return absl::OkStatus();
  record_.confirmed = confirmed;
  FillIn(samples);
  absl::Status written = Write(connection, /*whole=*/true);
  if (recorded_ == confirmed) WriteTopic(milliseconds(500));
  return written;
}

void HistoryRecorder::FillIn(SampleHistory& samples) {
  const SampleHistory::Sample* newest = samples.NewestSampleAt(record_.confirmed);
  if (newest != nullptr && newest->at >= record_.snapshot_at) {
    record_.snapshot = newest->snapshot;
    record_.snapshot_at = newest->at;
    record_.offsets = newest->offsets == nullptr ? TopicOffsets() : *newest->offsets;
  }
  const Clock::time_point now = Clock::now();
  if (samples.size() > kFewSamples && now - samples_at_ < kManySamplesEvery) return;
  samples_at_ = now;
  record_.samples.clear();
  for (const SampleHistory::Sample& sample : samples.samples()) {
    if (sample.at > record_.snapshot_at) record_.samples.emplace_back(sample.snapshot, sample.at);
  }
}

absl::Status HistoryRecorder::Write(postgres::Connection& connection, bool whole) {
  const uint64_t notes = state_.gate().offsets().notes();
  auto recorded =
      whole ? WriteStateRow(connection, record_) : WriteStatePosition(connection, record_);
  // Tried again with the next round; until then nothing new is told.
  if (!recorded.ok()) has_row_ = false;
  if (!recorded.ok()) return recorded.status();
  if (*recorded == Recorded::kNotHere) {
    has_row_ = false;
    // A row that somebody has removed is made again at once; else it is not ours to write.
    if (!whole) return absl::OkStatus();
    const absl::Status why = absl::AbortedError(
        "the recorded position is another's by now, or the publication was altered: looking again "
        "at the history of the server");
    state_.gate().Refuse(session_, absl::UnavailableError(why.message()));
    return why;
  }
  has_row_ = true;
  recorded_ = record_.confirmed;
  notes_ = notes;
  written_at_ = Clock::now();
  if (whole) whole_at_ = written_at_;
  state_.gate().SetRecorded(session_, record_.confirmed);
  return absl::OkStatus();
}

void HistoryRecorder::WriteTopic(milliseconds wait) {
  absl::Status ready;
  if (Clock::now() >= topic_at_) {
    ready = EnsureStateTopic(topic_, kTopicAnswer);
    topic_made_ = ready.ok();
    topic_at_ = Clock::now() + (ready.ok() ? kTopicLookAgain : kTopicMakeAgain);
  } else if (!topic_made_) {
    return;
  }
  if (ready.ok() && writer_ == nullptr) {
    auto writer = StateTopicWriter::Create(topic_);
    ready = writer.status();
    if (writer.ok()) writer_ = *std::move(writer);
  }
  if (!ready.ok()) {
    if (reported_ == ready.message()) return;
    reported_ = std::string(ready.message());
    telemetry::Warn("the relay's position cannot be recorded in Kafka; it is in the database",
                    {{"source", topic_.source}, {"topic", topic_.topic}, {"error", reported_}});
    return;
  }
  reported_.clear();
  writer_->Write(record_);
  if (wait.count() > 0) writer_->Flush(wait);
}

absl::Status HistoryRecorder::CompareTopic(postgres::Connection& connection,
                                           const ConfirmGate::Session& session) {
  if (Clock::now() < compare_at_) return absl::OkStatus();
  compare_at_ = Clock::now() + kTopicAgain;
  // The topic first: the row is never behind it.
  auto topic = ReadStateTopic(topic_, kTopicAnswer);
  if (absl::IsUnavailable(topic.status())) {
    if (std::exchange(reported_, "compare") == "compare") return absl::OkStatus();
    telemetry::Warn("Kafka does not answer; until it does no position is recorded or confirmed",
                    {{"source", topic_.source},
                     {"error", std::string(topic.status().message())},
                     {"fix",
                      "check --kafka_brokers, and that the brokers run and advertise "
                      "addresses that this machine reaches"}});
    return absl::OkStatus();
  }
  reported_.clear();
  if (!topic.ok()) return topic.status();
  auto row = ReadStateRow(connection, session.base.slot);
  if (!row.ok()) return row.status();
  Evidence evidence{.topic_read = true,
                    .topic = *std::move(topic),
                    .database = row->record,
                    .other_slot = row->other_slot,
                    .server = {.system_id = session.base.system_id,
                               .timeline = session.base.timeline,
                               .flushed = Lsn{UINT64_MAX}}};
  // The slot is in use by ourselves: where it stands was judged when the stream began.
  evidence.slot.name = session.base.slot;
  evidence.slot.exists = true;
  evidence.slot.type = "logical";
  evidence.slot.plugin = "pgoutput";
  evidence.publication = session.base.publication;
  const Verdict verdict = Judge(evidence);
  if (verdict.ok()) {
    state_.gate().SetTopicRead(session.number);
  } else {
    state_.gate().Refuse(session.number, ExplainFinding(verdict, topic_.source));
  }
  return absl::OkStatus();
}

}  // namespace relay
