#include "outbox-relay/source_loop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/telemetry/check.h"
#include "libs/telemetry/log.h"
#include "outbox-relay/heal/heal.h"
#include "outbox-relay/history/explain_finding.h"
#include "outbox-relay/history/gather.h"
#include "outbox-relay/history/replace_record.h"
#include "outbox-relay/relay.h"
#include "outbox-relay/source/while_answering.h"

namespace relay {
namespace {

using std::chrono::milliseconds;
using Kind = SessionEnd::Kind;

// For the record's copy in Kafka; without it the stream starts all the same.
constexpr milliseconds kTopicAnswer(2'000);

// A session that found the slot in use, or could not begin.
SessionEnd NotOurs(const absl::Status& why) {
  return {absl::IsAlreadyExists(why) ? Kind::kStandby : Kind::kFailed, why};
}

StateTopicOptions StateTopicOf(const SourceOptions& options) {
  return {.kafka = options.producer.kafka, .topic = options.state_topic, .source = options.name};
}

}  // namespace

SourceLoop::SourceLoop(SourceOptions options, SourceMetrics& metrics, SourceState& state)
    : options_(std::move(options)),
      metrics_(metrics),
      state_(state),
      acks_(ledger_, metrics),
      parking_(options_.parking, ledger_, metrics),
      report_(options_.name) {}

absl::Status SourceLoop::Run(std::stop_token stop) {
  stop_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  ORDER_SAGA_CHECK(stop_fd_ >= 0, "the process has file descriptors left");
  {
    std::stop_callback wake(stop, [this] { eventfd_write(stop_fd_, 1); });
    while (!stop.stop_requested()) {
      const SessionEnd ended = RunSession(stop);
      metrics_.active.Set(0);
      if (stop.stop_requested()) break;
      if (ended.kind == Kind::kHealed) continue;
      if (ended.kind == Kind::kPassed) {
        telemetry::Info("the refused event is behind: publishing in batches again",
                        {{"source", options_.name}});
        // Nothing is published again: all of it is at Kafka, or parked. In front of Passed: it must
        // not take the small batches for those that a topic needs.
        StartOver();
        recovery_.Passed();
        continue;
      }
      if (ended.kind == Kind::kStandby) {
        parking_.Standby();
        metrics_.history_changed.Set(0);  // whoever streams has compared, or healed
      }
      state_.SetHealth(report_.Say(ended));
      if (producer_ != nullptr && producer_->failed()) {
        DropProducer();
      } else if (parking_.must_start_over() || parking_.unsettled() ||
                 (options_.exactly_once && producer_ != nullptr)) {
        StartOver();
      }
      Pause(retry_.After(ended.kind, ledger_.confirmed() > confirmed_at_start_));
    }
  }
  producer_.reset();
  state_.gate().EndStream();
  close(stop_fd_);
  return absl::OkStatus();
}

SessionEnd SourceLoop::RunSession(std::stop_token stop) {
  if (state_.paused()) return {Kind::kPaused};
  confirmed_at_start_ = ledger_.confirmed();
  auto stream = ReplicationStream::Connect({.conninfo = options_.conninfo,
                                            .wal_sender_timeout = options_.wal_sender_timeout,
                                            .stop_fd = stop_fd_});
  if (!stream.ok()) return NotOurs(stream.status());
  // The watch may not have seen it yet: a relay that takes over must not begin.
  if ((*stream)->paused()) return {Kind::kPaused};
  const absl::StatusOr<Reconciled> reconciled = Reconcile(**stream, stop);
  if (!reconciled.ok()) {
    // Who heals may see it before the watch does.
    const bool paused = state_.paused() || absl::IsCancelled(reconciled.status());
    return paused ? SessionEnd{Kind::kPaused} : NotOurs(reconciled.status());
  }
  if (*reconciled == Reconciled::kHealed) return {Kind::kHealed};
  if (absl::Status made = MakeProducer(); !made.ok()) return SessionEnd::Failed(made);
  absl::StatusOr<std::string> publication_fingerprint = std::string();
  if (options_.exactly_once) publication_fingerprint = (*stream)->FingerprintPublication();
  if (!publication_fingerprint.ok()) return SessionEnd::Failed(publication_fingerprint.status());
  const Lsn from = std::max(ledger_.confirmed(), state_.gate().recorded());
  if (state_.paused()) return {Kind::kPaused};  // `pause` may have seen nobody stream
  if (absl::Status status = (*stream)->Start(from); !status.ok()) return NotOurs(status);
  if (absl::Status status = TakeOver(**stream, *publication_fingerprint, stop); !status.ok()) {
    // Who has lost the slot may have lost it to an error of the stream.
    const absl::Status ended = (*stream)->WhyEnded();
    return SessionEnd::Failed(ended.ok() || absl::IsUnavailable(ended) ? status : ended);
  }
  telemetry::Info("streaming",
                  {{"source", options_.name},
                   {"slot", (*stream)->slot()},
                   {"from", ToString(std::max(from, (*stream)->slot_state().confirmed))}});
  state_.SetHealth(absl::OkStatus());
  metrics_.active.Set(1);
  metrics_.stream_starts.Increment();
  report_.OnStreaming();
  Relay relay({.name = options_.name,
               .wal_sender_timeout = options_.wal_sender_timeout,
               .drain_timeout = options_.drain_timeout,
               .stop = stop,
               .stop_fd = stop_fd_,
               .exactly_once = exactly_once_ ? &*exactly_once_ : nullptr,
               .leave_behind = recovery_.alone_until(),
               .guilty_found = recovery_.guilty_found()},
              **stream, *producer_, ledger_, acks_, parking_, metrics_, state_, already_durable_);
  SessionEnd ended = relay.Run();
  // A transaction that broke off comes again as a whole.
  ledger_.AbandonOpen();
  parking_.OnSessionEnd();
  return ended;
}

absl::Status SourceLoop::TakeOver(ReplicationStream& stream,
                                  const std::string& publication_fingerprint,
                                  std::stop_token stop) {
  std::vector<std::string> at_kafka;
  if (options_.exactly_once) {
    absl::Status begun = BeginExactlyOnce(stream, publication_fingerprint, stop);
    if (!begun.ok()) return begun;
    at_kafka = exactly_once_->watermark().released;
  }
  // Postgres is told nothing beyond the record: no slot of ours can stand further on by now.
  const Lsn judged = std::max(state_.gate().recorded(), stream.slot_state().confirmed);
  return WhileAnswering(
      stream, [&] { return stop.stop_requested(); },
      [&](std::stop_token) {
        return parking_.Load({.system_id = stream.identity().system_id,
                              .holder = {.walsender_pid = stream.server_pid(), .judged = judged},
                              .at_kafka = at_kafka});
      });
}

absl::Status SourceLoop::BeginExactlyOnce(ReplicationStream& stream,
                                          const std::string& publication_fingerprint,
                                          std::stop_token stop) {
  exactly_once_.emplace(ExactlyOnceOptions{.conninfo = options_.conninfo,
                                           .topic = StateTopicOf(options_),
                                           .interval = options_.transaction_interval});
  absl::Status begun = exactly_once_->Begin(stream, *producer_,
                                            {.slot = stream.slot(),
                                             .generation = generation_,
                                             .system_id = stream.identity().system_id,
                                             .timeline = stream.identity().timeline,
                                             .publication_fingerprint = publication_fingerprint},
                                            stop, [this] { return state_.server_leaving(); });
  if (!begun.ok()) return begun;
  const Lsn published = exactly_once_->watermark().whole;
  if (published > ledger_.received()) {
    ledger_.Keepalive(published);
    parking_.ForgetList();
  }
  state_.SetConfirmed(ledger_.confirmed());
  return absl::OkStatus();
}

absl::StatusOr<SourceLoop::Reconciled> SourceLoop::Reconcile(ReplicationStream& stream,
                                                             std::stop_token stop) {
  absl::StatusOr<Evidence> evidence = GatherEvidence(stream, StateTopicOf(options_), kTopicAnswer);
  if (!evidence.ok()) return evidence.status();
  const Verdict verdict = Judge(*evidence);
  metrics_.history_changed.Set(verdict.ok() ? 0 : 1);
  if (!verdict.ok() || CanHeal(*evidence, verdict)) {
    if (absl::Status healed = HealSource(*evidence, verdict, stop); !healed.ok()) return healed;
    return Reconciled::kHealed;
  }
  if (verdict.finding == Finding::kFailedOver) {
    if (absl::Status noted = NoteFailover(*evidence, verdict); !noted.ok()) return noted;
  }
  // Where nothing was recorded, the slot may never have been made.
  absl::Status usable = CheckSlotState(stream.slot_state());
  if (!usable.ok()) return usable;

  HistoryRecord base = verdict.successor    ? *verdict.successor
                       : evidence->database ? *evidence->database
                       : evidence->topic    ? *evidence->topic
                                            : HistoryRecord();
  base.source = options_.name;
  base.slot = stream.slot();
  base.system_id = stream.identity().system_id;
  base.timeline = stream.identity().timeline;
  base.confirmed = verdict.resume;
  base.publication = evidence->publication;
  if (history_ && ledger_.received().known()) {
    if (base.generation == generation_) {
      absl::Status same = CheckSameHistory(*history_, stream.identity(), ledger_.received());
      metrics_.history_changed.Set(same.ok() ? 0 : 1);
      if (!same.ok()) return same;
    } else {
      ForgetPositions();
    }
  }
  history_ = stream.identity();
  generation_ = base.generation;
  // What other relays have published meanwhile, or this one in an earlier life.
  if (verdict.resume > ledger_.received()) {
    ledger_.Keepalive(verdict.resume);
    parking_.ForgetList();
  }
  state_.SetConfirmed(ledger_.confirmed());
  state_.gate().Open(std::move(base), evidence->topic_read);
  return Reconciled::kMayStream;
}

absl::Status SourceLoop::NoteFailover(const Evidence& evidence, const Verdict& verdict) {
  if (!evidence.topic_read) {
    return absl::UnavailableError(
        "a standby was promoted: going on waits for Kafka's copy of the position, and no broker "
        "answers");
  }
  auto connection = postgres::Connection::Open(options_.conninfo, "outbox-relay failover");
  if (!connection.ok()) return connection.status();
  absl::Status stored = ReplaceRecord(*connection, StateTopicOf(options_), *verdict.successor);
  if (!stored.ok()) return stored;
  telemetry::Warn(
      "a standby was promoted; its slot goes on where relays were, so nothing is missed",
      {{"source", options_.name},
       {"timeline", verdict.successor->timeline},
       {"from", ToString(verdict.resume)},
       {"fix",
        "none needed; if the primary's synchronized_standby_slots did not name this "
        "standby, Kafka may have events of the last rows that were lost with it"}});
  return absl::OkStatus();
}

absl::Status SourceLoop::HealSource(const Evidence& evidence, const Verdict& verdict,
                                    std::stop_token stop) {
  // Positions of another history are no measure here, neither for what may be told nor for what
  // partition may be emptied.
  ForgetPositions();
  // What an operator has asked for by name needs no flag.
  const bool may = options_.heal || verdict.ok() || MayBeHealUnderWay(evidence, verdict);
  if (!may || !CanHeal(evidence, verdict)) return ExplainFinding(verdict, options_.name);
  if (absl::Status made = MakeProducer(); !made.ok()) return made;
  absl::StatusOr<HealReport> report =
      Heal({.conninfo = options_.conninfo,
            .topic = StateTopicOf(options_),
            .missing_topic_wait = options_.parking.missing_topic_wait,
            .most_keys = options_.parking.most_keys,
            .stop = stop,
            .leave = [this, stop] { return stop.stop_requested() || state_.paused(); }},
           evidence, verdict, parking_, *producer_);
  // Nothing of it may come behind the stream that begins now.
  const std::optional<PublishFailure> refused = AbandonProducer();
  ForgetPositions();
  if (!report.ok()) {
    if (refused) OnRefused(*refused, Lsn{}, /*may_park=*/true);
    return report.status();
  }
  metrics_.history_changed.Set(0);
  metrics_.published_events.Increment(static_cast<double>(report->published));
  telemetry::Log(report->cannot_prove.empty() ? telemetry::Level::kInfo : telemetry::Level::kWarn,
                 "healed from the outbox's rows",
                 {{"source", options_.name},
                  {"finding", NameOf(verdict.finding)},
                  {"compared", report->compared},
                  {"found", report->found},
                  {"published", report->published},
                  {"parked", report->parked},
                  {"cannot_prove",
                   report->cannot_prove.empty() ? std::string("none") : report->cannot_prove}});
  return absl::OkStatus();
}

absl::Status SourceLoop::MakeProducer() {
  if (producer_ != nullptr) return absl::OkStatus();
  ProducerOptions options = options_.producer;
  options.acked_offsets = &state_.gate().offsets();
  options.batch_bytes = recovery_.batch_bytes();
  if (options_.exactly_once) options.transactional_id = TransactionalId(StateTopicOf(options_));
  auto producer = Producer::Create(options);
  if (!producer.ok()) return producer.status();
  producer_ = *std::move(producer);
  if (options.batch_bytes == 0) recovery_.SetUsualBatchBytes(producer_->batch_bytes());
  return absl::OkStatus();
}

void SourceLoop::ForgetPositions() {
  AbandonProducer();
  ledger_ = Ledger();
  already_durable_.clear();
  history_.reset();
  state_.SetConfirmed(Lsn{});
  state_.gate().Forget();
}

void SourceLoop::DropProducer() {
  const bool available = parking_.available();
  const Lsn sent_up_to = ledger_.begun();
  OnRefused(StartOver().value_or(PublishFailure()), sent_up_to, available);
}

void SourceLoop::OnRefused(const PublishFailure& failure, Lsn sent_up_to, bool may_park) {
  const bool parks = recovery_.OnFailure(failure, sent_up_to) == Recovery::Step::kPark &&
                     may_park && !failure.event_id.empty();
  const bool broken = failure.kind == PublishFailure::Kind::kProducerBroken;
  if (!broken) metrics_.publish_failures.Increment();
  telemetry::Log(broken ? telemetry::Level::kWarn : telemetry::Level::kError,
                 broken ? "the Kafka producer is done; starting over from the confirmed position"
                 : parks
                     ? "Kafka refused an event; starting over, and parking its key from there on"
                     : "Kafka refused an event; starting over from the confirmed position",
                 {{"source", options_.name},
                  {"event_id", failure.event_id},
                  {"topic", failure.topic},
                  {"error", failure.reason},
                  {"fix", failure.fix},
                  {"events_go_alone", recovery_.alone_until().has_value()},
                  {"confirmed", ToString(ledger_.confirmed())}});
  if (!parks) return;
  parking_.PutOnList(failure);
  retry_.Reset();
}

std::optional<PublishFailure> SourceLoop::StartOver() {
  std::optional<PublishFailure> failure = AbandonProducer();
  // What was skipped as durable before this is no longer in the ledger, but may come once more.
  std::vector<Lsn> durable = ledger_.DurableAhead();
  for (Lsn commit : already_durable_) {
    if (commit >= ledger_.confirmed()) durable.push_back(commit);
  }
  std::sort(durable.begin(), durable.end());
  already_durable_ = std::move(durable);
  ledger_ = Ledger(ledger_.confirmed());
  return failure;
}

std::optional<PublishFailure> SourceLoop::AbandonProducer() {
  std::optional<PublishFailure> failure;
  if (producer_ != nullptr) {
    acks_.BeginCollection();
    // Which event was refused may be known only after this.
    producer_->Abandon([this](Producer::Ticket ticket) { OnDurable(ticket); },
                       std::chrono::seconds(2));
    acks_.Flush();
    if (producer_->failed()) failure = producer_->failure();
    // A topic may have turned out to need smaller ones.
    if (options_.exactly_once && !recovery_.alone_until()) {
      recovery_.LimitBatchBytes(producer_->batch_bytes());
    }
    producer_.reset();
  }
  parking_.Forget();
  return failure;
}

void SourceLoop::OnDurable(Producer::Ticket ticket) {
  if (ticket >= Producer::kReleased) return parking_.OnPublished(ticket);
  acks_.OnDurable(ticket);
}

void SourceLoop::Pause(milliseconds pause) {
  const Clock::time_point until = Clock::now() + pause;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
    if (left.count() <= 0) return;
    pollfd descriptors[] = {{stop_fd_, POLLIN, 0},
                            {producer_ == nullptr ? -1 : producer_->event_fd(), POLLIN, 0}};
    if (poll(descriptors, 2, static_cast<int>(left.count())) <= 0) continue;
    if (descriptors[0].revents != 0) return;
    producer_->ClearEvent();
    acks_.BeginCollection();
    if (!producer_->Collect([this](Producer::Ticket ticket) { OnDurable(ticket); })) {
      DropProducer();
    }
    acks_.Flush();
    state_.SetConfirmed(ledger_.confirmed());
  }
}

}  // namespace relay
