#include "outbox-relay/relay.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/telemetry/log.h"

namespace relay {
namespace {

// So many frames, then acknowledgements and confirmations have their turn.
constexpr int kFramesPerTurn = 512;
// Transactions that wait for one before them: some 40 bytes each.
constexpr size_t kMaxTransactions = 200'000;
constexpr std::chrono::milliseconds kRecordPause(50);
constexpr std::chrono::seconds kServerLeavingPatience(2);
// A transaction's usual interval, its commit and the answer, unless something is amiss.
constexpr std::chrono::seconds kLeavesWithin(3);

int64_t UnixMicrosecondsNow() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Relay::Relay(RelayOptions options, ReplicationStream& source, Producer& sink, Ledger& ledger,
             Acks& acks, ParkingLot& parking, SourceMetrics& metrics, SourceState& state,
             std::vector<Lsn> already_durable)
    : options_(std::move(options)),
      source_(source),
      sink_(sink),
      ledger_(ledger),
      acks_(acks),
      parking_(parking),
      metrics_(metrics),
      state_(state),
      timers_(metrics),
      pending_(options_.name, sink, parking, metrics, state),
      pacer_(Clock::now()),
      known_before_(ledger.received()),
      already_durable_(std::move(already_durable)),
      schedule_(options_.wal_sender_timeout, Clock::now()),
      moved_at_(Clock::now()) {}

SessionEnd Relay::Run() {
  for (;;) {
    if (absl::Status status = Turn(); !status.ok()) return SessionEnd::Failed(status);
    const bool stopping = options_.stop.stop_requested(), was_ending = Ending();
    if ((draining_ || stopping || state_.paused()) && Drained()) {
      Finish();
      return {stopping ? SessionEnd::Kind::kStopped : SessionEnd::Kind::kPaused};
    }
    if (options_.leave_behind && !draining_ && MayLeave()) return {SessionEnd::Kind::kPassed};
    // What ends is committed in a turn, and nothing else may wake us for it.
    if (Ending() && !was_ending) continue;
    if (!read_all_ && MayRead()) continue;
    if (absl::Status status = Wait(); !status.ok()) return SessionEnd::Failed(status);
  }
}

absl::Status Relay::Turn() {
  absl::Status status = Receive();
  if (status.ok()) status = Collect();
  // After it: what was acknowledged may have made room, and nothing else would wake us.
  if (status.ok() && pending_.waiting()) {
    timers_.Resume();
    status = pending_.Retry();
    timers_.Mark(Stage::kProduce);
  }
  if (status.ok()) status = parking_.Work(sink_, MayRelease(), Clock::now());
  if (status.ok() && options_.exactly_once != nullptr) EndTransaction();
  if (status.ok()) status = Confirm();
  return status.ok() ? CheckServerLeaving() : status;
}

bool Relay::MayRead() const {
  if (pending_.waiting() || done_reading_ || parking_.full()) return false;
  // What is parked meanwhile would hold its end up.
  if (sink_.transaction() != nullptr && sink_.transaction()->closing()) return false;
  if (Ending()) return false;
  return ledger_.transactions() < kMaxTransactions;
}

absl::Status Relay::Receive() {
  if (read_all_) return absl::OkStatus();
  if (!in_burst_) pacer_.OnRead(Clock::now());
  in_burst_ = true;
  bool received = false;
  for (int frames = 0; frames < kFramesPerTurn && MayRead(); ++frames) {
    timers_.NextEvent();
    absl::StatusOr<std::string_view> frame = source_.NextFrame();
    if (frame.ok() && frame->empty() && !received) {
      received = true;
      const Clock::time_point start = Clock::now();
      if (absl::Status status = source_.Receive(); !status.ok()) return status;
      timers_.Add(Stage::kReceive, Clock::now() - start);
      timers_.Resume();
      frame = source_.NextFrame();
    }
    if (!frame.ok()) return frame.status();
    read_all_ = frame->empty();
    if (read_all_) break;
    timers_.Mark(Stage::kReceive);
    if (absl::Status status = OnFrame(*frame); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Relay::OnFrame(std::string_view bytes) {
  absl::StatusOr<StreamFrame> frame = DecodeFrame(bytes);
  if (!frame.ok()) return frame.status();
  if (const auto* data = std::get_if<WalData>(&*frame)) return OnData(data->data);
  return OnKeepalive(std::get<Keepalive>(*frame));
}

absl::Status Relay::OnKeepalive(const Keepalive& keepalive) {
  if (!floor_) floor_ = keepalive.wal_end;
  const Clock::time_point now = Clock::now();
  const bool all_acked = !pending_.waiting() && ledger_.unacked_events() == 0;
  if (stop_detector_.OnKeepalive(keepalive.wal_end, keepalive.wants_reply, all_acked, now)) {
    return absl::UnavailableError("Postgres is stopping and waits for us; letting it go");
  }
  if (keepalive.wants_reply) {
    schedule_.WantReply();
    // Before this keepalive passes the ledger: the answer is the position from before it.
    if (absl::Status status = Confirm(); !status.ok()) return status;
  }
  ledger_.Keepalive(keepalive.wal_end);
  return absl::OkStatus();
}

absl::Status Relay::OnData(std::string_view message) {
  stop_detector_.OnData();
  absl::StatusOr<TransactionReader::Step> step = transactions_.Read(message);
  timers_.Mark(Stage::kDecode);
  if (!step.ok()) return step.status();
  switch (*step) {
    case TransactionReader::Step::kBegin:
      OnBegin();
      break;
    case TransactionReader::Step::kEvent:
      ++ordinal_;
      if (!skipping_ && !IsPublished()) return Route();
      break;
    case TransactionReader::Step::kCommit:
      ledger_.Commit(transactions_.end_lsn());
      break;
    case TransactionReader::Step::kNothing:
      break;
  }
  return absl::OkStatus();
}

void Relay::OnBegin() {
  const Lsn commit = transactions_.commit_lsn();
  if (!floor_) floor_ = commit;
  ordinal_ = -1;
  skipping_ = commit < known_before_ ||
              std::binary_search(already_durable_.begin(), already_durable_.end(), commit);
  ledger_.Begin(commit, transactions_.commit_unix_microseconds());
}

absl::Status Relay::Route() {
  ++burst_events_;
  const Ledger::Ticket ticket = ledger_.AddEvent();
  const StreamPosition at{transactions_.commit_lsn(), ordinal_};
  const bool parked = parking_.any() && parking_.Take(transactions_.event(), at, ticket);
  timers_.Mark(Stage::kRoute);
  if (parked) return absl::OkStatus();
  absl::Status sent = pending_.Send(transactions_.event(), at, ticket);
  timers_.Mark(Stage::kProduce);
  return sent;
}

absl::Status Relay::Collect() {
  const Clock::time_point start = Clock::now();
  const Lsn before = ledger_.confirmed();
  acks_.BeginCollection();
  const bool healthy = sink_.Collect([this](Producer::Ticket ticket) {
    if (ticket >= Producer::kReleased) return parking_.OnPublished(ticket);
    acks_.OnDurable(ticket);
  });
  const Clock::time_point end = Clock::now();
  if (ledger_.confirmed() != before || ledger_.confirmed() != state_.confirmed()) {
    state_.SetConfirmed(ledger_.confirmed());
    moved_at_ = end;
  }
  timers_.Add(Stage::kConfirm, end - start);
  return healthy ? absl::OkStatus() : AsStatus(sink_.failure());
}

bool Relay::IsPublished() const {
  return options_.exactly_once != nullptr &&
         options_.exactly_once->IsPublished(transactions_.commit_lsn(), ordinal_);
}

void Relay::EndTransaction() {
  const bool waiting = pending_.waiting();
  options_.exactly_once->Work(sink_, ledger_, parking_.given(),
                              {.in_transaction = transactions_.in_transaction(),
                               .commit = transactions_.commit_lsn(),
                               .ordinal = waiting ? ordinal_ - 1 : ordinal_,
                               .waiting = waiting,
                               .idle = read_all_ && !waiting,
                               .ending = Ending() || parking_.awaits_kafka()},
                              Clock::now());
}

Lsn Relay::Tellable() const {
  const Lsn confirmed = std::min(ledger_.confirmed(), state_.gate().recorded());
  return floor_ && confirmed >= *floor_ ? confirmed : Lsn{};
}

absl::Status Relay::Confirm() {
  const Clock::time_point now = Clock::now();
  const Lsn confirmed = Tellable();
  if (now < schedule_.Due(confirmed)) return absl::OkStatus();
  schedule_.Sent(confirmed, now);
  acks_.Flush();
  timers_.Flush();
  return source_.SendStatus(confirmed);
}

bool Relay::EndBurst() {
  const Clock::time_point now = Clock::now();
  if (in_burst_ && now < pacer_.NextRead()) {
    pollfd socket = {source_.fd(), POLLIN, 0};
    if (poll(&socket, 1, 0) != 0) return false;
  }
  if (in_burst_) {
    const int64_t age = UnixMicrosecondsNow() - transactions_.commit_unix_microseconds();
    pacer_.OnBurst(std::exchange(burst_events_, 0), std::chrono::microseconds(age), now);
  }
  in_burst_ = false;
  return true;
}

absl::Status Relay::Wait() {
  if (MayRead() && !EndBurst()) {
    read_all_ = false;
    return absl::OkStatus();
  }
  const Clock::time_point now = Clock::now();
  const bool resting = MayRead() && now < pacer_.NextRead();
  const bool reading = MayRead() && !resting;
  Clock::time_point until = schedule_.Due(Tellable());
  if (resting) until = std::min(until, pacer_.NextRead());
  if (const auto due = pending_.due()) until = std::min(until, *due);
  if (const auto due = parking_.due()) until = std::min(until, *due);
  if (options_.exactly_once != nullptr) {
    if (const auto due = options_.exactly_once->due()) until = std::min(until, *due);
  }
  // The watch's thread records a position, and cannot wake this one.
  if (state_.gate().recorded() < ledger_.confirmed()) until = std::min(until, now + kRecordPause);
  const auto left = std::clamp<std::chrono::nanoseconds>(until - now, std::chrono::nanoseconds(0),
                                                         std::chrono::nanoseconds(999'999'999));
  const timespec timeout = {.tv_sec = 0, .tv_nsec = left.count()};
  pollfd descriptors[] = {
      {source_.fd(),
       static_cast<short>((reading ? POLLIN : 0) | (source_.wants_write() ? POLLOUT : 0)), 0},
      {sink_.event_fd(), POLLIN, 0},
      {draining_ ? -1 : options_.stop_fd, POLLIN, 0},
      {parking_.fd(), POLLIN, 0}};
  const int ready = ppoll(descriptors, std::size(descriptors), &timeout, nullptr);
  if (ready < 0 && errno != EINTR) {
    return absl::InternalError(absl::StrCat("poll: ", std::strerror(errno)));
  }
  const short on_source = ready > 0 ? descriptors[0].revents : 0;
  if (!reading && (on_source & (POLLERR | POLLHUP)) != 0) {
    return absl::UnavailableError("lost the replication connection while reading was paused");
  }
  if (reading) {
    read_all_ = (on_source & ~POLLOUT) == 0;
  } else if (resting) {
    read_all_ = Clock::now() < pacer_.NextRead();
  }
  if (ready > 0 && descriptors[1].revents != 0) sink_.ClearEvent();
  return (on_source & POLLOUT) != 0 ? source_.Flush() : absl::OkStatus();
}

absl::Status Relay::CheckServerLeaving() {
  if (absl::Status refused = state_.gate().refusal(); !refused.ok()) return refused;
  // Only what still has to go to Kafka can hold a server up.
  if (!state_.server_leaving() || (!pending_.waiting() && ledger_.unacked_events() == 0)) {
    return absl::OkStatus();
  }
  if (Clock::now() - moved_at_ < kServerLeavingPatience) return absl::OkStatus();
  return absl::UnavailableError(
      "Postgres takes no connections any more (it may be stopping), and Kafka acknowledges "
      "nothing; letting Postgres go");
}

bool Relay::Drained() {
  const Clock::time_point now = Clock::now();
  if (!draining_) {
    draining_ = true;
    drain_since_ = now;
    parking_.WindUp();
    telemetry::Info("stopping: waiting for Kafka's acknowledgements",
                    {{"source", options_.name}, {"events", ledger_.unacked_events()}});
  }
  // A transaction of which half is at Kafka would come again: its end is worth some time.
  const bool may_end =
      !done_reading_ && !pending_.awaits_topic() && now - drain_since_ < options_.drain_timeout / 2;
  if (transactions_.in_transaction() && may_end) return false;
  done_reading_ = true;
  if (options_.exactly_once == nullptr) {
    pending_.Drop();
    ledger_.AbandonOpen();
  }
  // In exactly-once mode half a transaction may stay at Kafka: the rest follows.
  const uint64_t waiting = pending_.waiting() ? 1 : 0;
  const bool open = sink_.transaction() != nullptr && sink_.transaction()->open();
  return (ledger_.unacked_events() <= waiting && !open && parking_.at_rest()) ||
         now - drain_since_ >= options_.drain_timeout;
}

bool Relay::Ending() const {
  if (!draining_ && !leaving_) return false;
  if (done_reading_ || !transactions_.in_transaction()) return true;
  // At least once half of it would come again. In exactly-once mode it does only if the publication
  // changes meanwhile: who stops or pauses may do so.
  return !draining_ && options_.exactly_once != nullptr;
}

bool Relay::MayRelease() const {
  if (options_.exactly_once == nullptr || !passed_at_) return true;
  return Clock::now() - *passed_at_ >= kLeavesWithin;
}

bool Relay::MayLeave() {
  // The guilty one may be among what is released: else it is not found. The stream flows meanwhile.
  const bool passed = ledger_.confirmed() > *options_.leave_behind &&
                      (options_.guilty_found || !parking_.releasing());
  if (!passed) {
    passed_at_.reset();
  } else if (!passed_at_) {
    passed_at_ = Clock::now();
  }
  leaving_ = passed && !parking_.publishing();
  return leaving_ && Ending() && !pending_.waiting() && ledger_.unacked_events() == 0;
}

void Relay::Finish() {
  if (ledger_.unacked_events() > 0) {
    telemetry::Warn("stopping before Kafka acknowledged everything: these events come again",
                    {{"source", options_.name}, {"events", ledger_.unacked_events()}});
  }
  state_.SetConfirmed(ledger_.confirmed());
  acks_.Flush();
  timers_.Flush();
  if (source_.SendStatus(Tellable()).ok()) source_.Finish(std::chrono::seconds(1));
}

}  // namespace relay
