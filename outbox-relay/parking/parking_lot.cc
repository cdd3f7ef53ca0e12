#include "outbox-relay/parking/parking_lot.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/postgres/sql_error.h"
#include "libs/telemetry/check.h"
#include "libs/telemetry/log.h"
#include "outbox-relay/parking/parking_log.h"
#include "outbox-relay/source/wal_identity.h"

namespace relay {
namespace {

constexpr std::chrono::milliseconds kLookEvery(100), kTopicAnswer(500);
constexpr std::chrono::seconds kTopicsEvery(5);
constexpr std::chrono::hours kWarnEvery(1);

int64_t UnixSecondsNow() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

ParkingLot::ParkingLot(ParkingOptions options, Ledger& ledger, SourceMetrics& metrics)
    : options_(std::move(options)),
      ledger_(ledger),
      metrics_(metrics),
      keys_(options_.most_keys),
      release_(options_.source_name, keys_) {}

absl::Status ParkingLot::Load(const ParkingSession& session) {
  ORDER_SAGA_CHECK(!unsettled(), "what is on its way does not outlive its session");
  system_id_ = session.system_id;
  walsender_pid_ = session.holder.walsender_pid;
  statement_.reset();
  running_ = Running::kNothing;
  absl::StatusOr<Statement> opened = Statement::Open(options_.conninfo, parked::kChannel);
  if (!opened.ok()) return opened.status();
  if (absl::Status alone = parked::ShutOutOthers(opened->connection(), session.holder);
      !alone.ok()) {
    return alone;
  }
  keys_.Clear();
  const absl::Status tables = parked::CheckTables(opened->connection());
  if (absl::IsNotFound(tables)) {
    to_list_.clear();
    CountMetrics();
    if (!std::exchange(warned_unavailable_, true)) {
      LogCannotPark(options_.source_name, tables);
    }
    return absl::OkStatus();
  }
  if (!tables.ok()) return tables;
  // As of now: others may have parked beyond the end that the stream's server spoke of.
  const absl::StatusOr<Lsn> flushed = EndOfLog(opened->connection());
  if (!flushed.ok()) return flushed.status();
  // The last transaction's record has all that was acknowledged since, too.
  if (!session.at_kafka.empty()) at_kafka_ = session.at_kafka;
  if (absl::Status known = WriteWhatIsKnown(opened->connection()); !known.ok()) return known;
  const absl::StatusOr<Lsn> last =
      parked::Load(opened->connection(), session.system_id,
                   [this](ParkedKey key) { keys_.Put(std::move(key)); });
  if (!last.ok()) return last.status();
  absl::StatusOr<int64_t> events = 0;
  if (!keys_.empty()) events = parked::CountEvents(opened->connection());
  if (!events.ok()) return events.status();
  absl::StatusOr<std::vector<Dropped>> dropped =
      parked::LoadDropped(opened->connection(), session.holder.judged, *flushed);
  if (!dropped.ok()) return dropped.status();
  keys_.SetDropped(*std::move(dropped));
  warned_unavailable_ = false;
  release_.OnKeysLoaded();
  events_ = *events;
  // Beyond the log's end: of a timeline that is no more.
  release_from_ = *last > *flushed ? Lsn{} : *last;
  passed_ = false;
  statement_.emplace(*std::move(opened));
  release_.Refresh();
  CountMetrics();
  AgeMetrics();
  if (!keys_.empty()) {
    telemetry::Warn("keys are parked",
                    {{"source", options_.source_name},
                     {"keys", keys_.size()},
                     {"events", events_},
                     {"fix", "outbox-relay parked list says why; then parked release or drop"}});
  }
  return absl::OkStatus();
}

void ParkingLot::Standby() {
  ForgetList();
  topics_.Clear();
  metrics_.parked_keys.Set(0);
  metrics_.parked_topics.Set(0);
  metrics_.parked_events.Set(0);
  metrics_.oldest_parked_age.Set(0);
  metrics_.missing_topics.Set(0);
}

bool ParkingLot::Take(const Event& event, StreamPosition at, Ledger::Ticket ticket) {
  const ParkedKeys::Decision decision = keys_.Decide(event, at);
  if (decision == ParkedKeys::Decision::kPublish) return false;
  if (decision == ParkedKeys::Decision::kSkip) {
    ledger_.Ack(ticket);
    return true;
  }
  if (decision == ParkedKeys::Decision::kParkAsPoison) filling_.Open(keys_.key());
  filling_.Add(event, at, keys_.key(), ticket);
  ++so_far_.taken;
  return true;
}

void ParkingLot::TakePoison(const Event& event, StreamPosition at, Ledger::Ticket ticket,
                            const PublishFailure& why) {
  keys_.Park(event, at, RefusalOf(why));
  filling_.Open(keys_.key());
  filling_.Add(event, at, keys_.key(), ticket);
  ++so_far_.taken;
  if (why.kind == PublishFailure::Kind::kMissingTopic) topics_.OnMissing(keys_.key()->topic);
  CountMetrics();
}

bool ParkingLot::MissingLongEnough(std::string_view topic, Clock::time_point now) {
  const Clock::duration waited = topics_.OnAwaited(topic, now);
  metrics_.missing_topic_wait.Set(std::chrono::duration<double>(waited).count());
  return topics_.LongEnough(waited, options_.missing_topic_wait);
}

void ParkingLot::OnSessionEnd() {
  // How long a topic is missing goes on counting.
  metrics_.missing_topic_wait.Set(0);
}

void ParkingLot::EndTopicWait() {
  topics_.EndAwait();
  metrics_.missing_topic_wait.Set(0);
}

absl::Status ParkingLot::Work(Producer& sink, bool may_release, Clock::time_point now) {
  if (!statement_) return absl::OkStatus();
  if (running_ != Running::kNothing || now >= look_at_) {
    look_at_ = now + kLookEvery;
    bool notified = false;
    absl::StatusOr<std::optional<postgres::Result>> answer = statement_->Poll(notified);
    if (notified) release_.Refresh();
    // A key is gone: another relay has released it while this one was asleep.
    if (postgres::SqlState(answer.status()) == "23503") {
      must_start_over_ = true;
      return absl::AbortedError("what is parked was changed by another relay; starting over");
    }
    if (!answer.ok()) return answer.status();
    if (answer->has_value()) {
      if (absl::Status status = OnAnswer(**std::move(answer)); !status.ok()) return status;
    }
  }
  release_.Publish(sink, may_release, now);
  if (sink.failed()) return AsStatus(sink.failure());
  LookAtTopics(sink, now);
  return running_ == Running::kNothing ? StartNext() : absl::OkStatus();
}

absl::Status ParkingLot::OnAnswer(postgres::Result result) {
  switch (std::exchange(running_, Running::kNothing)) {
    case Running::kNothing:
      break;
    case Running::kOpen:
      return OnOpened(result);
    case Running::kInsert:
      OnInserted(result);
      break;
    case Running::kReleaseTopics:
      release_.Refresh();
      break;
    case Running::kRelease: {
      const int64_t gone = release_.OnAnswer(std::move(result));
      events_ = std::max<int64_t>(0, events_ - gone);  // which may have been an estimate
      metrics_.published_events.Increment(static_cast<double>(gone));
      CountMetrics();
      break;
    }
  }
  return absl::OkStatus();
}

absl::Status ParkingLot::OnOpened(const postgres::Result& result) {
  if (!parked::TakeScopes(result, sent_)) {
    must_start_over_ = true;
    return absl::AbortedError(
        "a key cannot be parked: another relay has taken the slot over; starting over");
  }
  for (const std::shared_ptr<ParkedKey>& key : sent_.openings) {
    if (key->since_unix_seconds == 0) key->since_unix_seconds = UnixSecondsNow();
    release_.OnKeyOpened(key);
    // Its topic was found before the table said that it waits for that.
    if (key->released && key->refusal->missing_topic) found_topics_.push_back(key->topic);
  }
  for (int row = 0; row < result.rows(); ++row) {
    if (result.Bool(row, 3)) release_.Refresh();
  }
  LogParked(options_.source_name, sent_);
  sent_.openings.clear();
  CountMetrics();
  return absl::OkStatus();
}

void ParkingLot::OnInserted(const postgres::Result& result) {
  for (const Ledger::Ticket ticket : sent_.tickets) ledger_.Ack(ticket);
  so_far_.written += sent_.tickets.size();
  sent_ = ParkBatch();
  events_ += result.affected();
  CountMetrics();
}

absl::Status ParkingLot::StartNext() {
  if (sent_.empty() && !filling_.empty()) sent_ = std::exchange(filling_, ParkBatch());
  if (!found_topics_.empty()) {
    return Start(Running::kReleaseTopics,
                 parked::ReleaseFoundTopics(std::exchange(found_topics_, {})));
  }
  const bool release_first = std::exchange(release_next_, !release_next_);
  for (const bool release : {release_first, !release_first}) {
    if (release) {
      if (auto query = release_.Next(MayRelease(), so_far_)) {
        return Start(Running::kRelease, *query);
      }
    } else if (!sent_.openings.empty()) {
      return Start(Running::kOpen, parked::OpenKeys(sent_, system_id_, walsender_pid_));
    } else if (!sent_.empty()) {
      return Start(Running::kInsert, parked::InsertEvents(sent_));
    }
  }
  return absl::OkStatus();
}

bool ParkingLot::MayRelease() {
  if (!passed_ && (ledger_.received() > release_from_ || !release_from_.known())) {
    passed_ = true;
    release_.Refresh();  // for those that might not begin yet
  }
  return passed_;
}

absl::Status ParkingLot::Start(Running what, const parked::Query& query) {
  running_ = what;
  return statement_->Start(query.sql, query.params);
}

// What is parked for a topic that was missing flows as soon as it is there. A topic that was hidden
// takes new keys at once; one that is there and refuses has to be tried by a release. One topic a
// turn: asking waits for the brokers, and the stream's server wants to hear of us meanwhile.
void ParkingLot::LookAtTopics(Producer& sink, Clock::time_point now) {
  if (!topics_.looking()) {
    if (now < look_at_topics_at_) return;
    look_at_topics_at_ = now + kTopicsEvery;
    topics_.BeginLook(keys_.TopicsInDoubt());
    CountMetrics();
    AgeMetrics();
    if (!topics_.looking()) return;
  }
  const std::string topic = topics_.NextToAsk();
  const absl::Status answer = sink.AwaitTopic(topic, kTopicAnswer);
  if (answer.ok()) {
    OnTopicThere(topic);
  } else if (absl::IsUnavailable(answer)) {
    topics_.EndLook();
  } else if (absl::IsNotFound(answer)) {
    topics_.OnMissing(topic);
  } else if (!absl::IsFailedPrecondition(answer)) {
    topics_.OnHidden(topic);
  }
}

void ParkingLot::OnTopicThere(const std::string& topic) {
  const bool was_away = topics_.OnThere(topic);
  const Refusal* const refusal = keys_.TopicRefusal(topic);
  const bool refused = refusal != nullptr;
  if (was_away || (refused && refusal->missing_topic)) keys_.TryTopicAgain(topic);
  if (keys_.ReleaseAwaiting(topic)) {
    found_topics_.push_back(topic);
    telemetry::Info("a topic that was missing is there: what is parked for it is released",
                    {{"source", options_.source_name}, {"topic", topic}});
  } else if (was_away && refused) {
    telemetry::Warn("a topic takes events again; what is parked for it waits for a release",
                    {{"source", options_.source_name},
                     {"topic", topic},
                     {"fix", absl::StrCat("outbox-relay parked release --topic=", topic)}});
  }
}

std::optional<ParkingLot::Clock::time_point> ParkingLot::due() const {
  if (!statement_) return std::nullopt;
  if (keys_.empty()) return release_.due();
  const Clock::time_point ask = topics_.looking() ? Clock::time_point{} : look_at_topics_at_;
  return std::min(ask, release_.due().value_or(Clock::time_point::max()));
}

void ParkingLot::CountMetrics() {
  if (keys_.empty()) events_ = 0;  // what an operator has dropped is not counted down
  metrics_.parked_keys.Set(static_cast<double>(keys_.size()));
  metrics_.parked_topics.Set(static_cast<double>(keys_.topics_parked()));
  metrics_.parked_events.Set(static_cast<double>(events_));
  metrics_.missing_topics.Set(static_cast<double>(topics_.missing()));
  if (keys_.empty()) metrics_.oldest_parked_age.Set(0);
}

void ParkingLot::AgeMetrics() {
  int64_t oldest = 0;
  const int64_t now = UnixSecondsNow();
  const ParkedKey* which = nullptr;
  keys_.ForEach([&](const std::shared_ptr<ParkedKey>& key) {
    if (key->since_unix_seconds == 0) return;
    if (which != nullptr && now - key->since_unix_seconds <= oldest) return;
    oldest = std::max<int64_t>(0, now - key->since_unix_seconds);
    which = key.get();
  });
  metrics_.oldest_parked_age.Set(static_cast<double>(oldest));
  if (which == nullptr || std::chrono::seconds(oldest) < options_.warn_age) return;
  if (Clock::now() < warn_at_) return;
  warn_at_ = Clock::now() + kWarnEvery;
  LogParkedLong(options_.source_name, *which, std::chrono::seconds(oldest));
}

void ParkingLot::Forget() {
  statement_.reset();
  running_ = Running::kNothing;
  must_start_over_ = false;
  found_topics_.clear();
  EndTopicWait();  // no record waits any more
  filling_ = ParkBatch();
  sent_ = ParkBatch();
  so_far_ = {};
  keys_.Clear();
  for (std::string& id : release_.Acknowledged()) at_kafka_.push_back(std::move(id));
  release_.Forget();
}

void ParkingLot::PutOnList(const PublishFailure& failure) { to_list_.push_back(failure); }

absl::Status ParkingLot::WriteWhatIsKnown(postgres::Connection& connection) {
  // First: once its key is held, it could be dropped.
  if (!at_kafka_.empty()) {
    const parked::Query gone = parked::DeleteEvents(at_kafka_);
    const auto deleted = connection.Execute(gone.sql, gone.params);
    if (!deleted.ok()) return deleted.status();
    at_kafka_.clear();
  }
  while (!to_list_.empty()) {
    const absl::Status listed = parked::PutOnList(connection, to_list_.back(), options_.most_keys);
    if (!listed.ok()) return listed;
    to_list_.pop_back();
  }
  return absl::OkStatus();
}

}  // namespace relay
