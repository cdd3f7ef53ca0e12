#include "outbox-relay/exactly_once.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/postgres/connection.h"
#include "libs/telemetry/log.h"
#include "outbox-relay/source/wal_identity.h"
#include "outbox-relay/source/while_answering.h"

namespace relay {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kPatience(30), kQuietFor(3), kAnswer(5);
// A transaction's tickets are kept in memory, and after a crash all of it comes again.
constexpr uint64_t kMostEvents = 200'000;
constexpr uint64_t kThick = 1'000;
constexpr milliseconds kGap(10);

}  // namespace

std::string TransactionalId(const StateTopicOptions& topic) {
  // No topic's name has a slash.
  return absl::StrCat(topic.topic, "/", topic.source);
}

absl::Status ExactlyOnce::Begin(ReplicationStream& stream, Producer& sink, Watermark identity,
                                std::stop_token stop, absl::FunctionRef<bool()> leaving) {
  auto complain_at = Clock::now() + kQuietFor;
  const auto leaves = [&] {
    if (Clock::now() >= complain_at) {
      complain_at += kPatience;
      telemetry::Warn("waiting for Kafka, to see how far the source is published",
                      {{"source", options_.topic.source}, {"topic", options_.topic.topic}});
    }
    return stop.stop_requested() || leaving();
  };
  // This object and the sink are touched by one thread at a time: this one waits meanwhile.
  absl::Status begun = WhileAnswering(stream, leaves, [&](std::stop_token ends) {
    return TakeOver(*sink.transaction(), identity, stream.identity().flushed, ends);
  });
  watermark_ = first_;
  return begun;
}

// Another relay may have gone on since the server said where its log ends.
absl::StatusOr<Watermark> ExactlyOnce::ResumeFrom(const Watermark& was, const Watermark& identity,
                                                  Lsn flushed) {
  absl::StatusOr<Watermark> resumed = Resume(was, identity, flushed);
  if (!absl::IsDataLoss(resumed.status())) return resumed;
  auto connection = postgres::Connection::Open(options_.conninfo, "outbox-relay log end");
  if (!connection.ok()) return connection.status();
  const absl::StatusOr<Lsn> now = EndOfLog(*connection);
  if (!now.ok()) return now.status();
  return Resume(was, identity, *now);
}

absl::Status ExactlyOnce::TakeOver(Transaction& transaction, const Watermark& identity, Lsn flushed,
                                   std::stop_token stop) {
  if (absl::Status made = EnsureStateTopic(options_.topic, kAnswer); !made.ok()) return made;
  if (absl::Status alone = transaction.ShutOutOthers(stop); !alone.ok()) return alone;
  auto was = ReadWatermark(options_.topic, kAnswer);
  const Clock::time_point deadline = Clock::now() + kPatience;
  while (absl::IsUnavailable(was.status()) && Clock::now() < deadline && !stop.stop_requested()) {
    was = ReadWatermark(options_.topic, kAnswer);
  }
  if (!was.ok()) return was.status();
  first_ = identity;
  if (!was->has_value()) return absl::OkStatus();
  absl::StatusOr<Watermark> resumed = ResumeFrom(**was, identity, flushed);
  if (!resumed.ok()) return resumed.status();
  first_ = *std::move(resumed);
  if ((*was)->open_ordinal >= 0 && first_.open_ordinal < 0 && IsOfSameHistory(**was, identity)) {
    telemetry::Warn(
        "the publication has changed: a transaction that is published in part comes again as a "
        "whole",
        {{"source", options_.topic.source},
         {"commit", ToString((*was)->open_commit)},
         {"rows", (*was)->open_ordinal + 1}});
  }
  return absl::OkStatus();
}

void ExactlyOnce::Work(Producer& sink, const Ledger& ledger, const std::vector<std::string>& given,
                       const Progress& progress, Clock::time_point now) {
  Transaction& transaction = *sink.transaction();
  due_.reset();
  if (!transaction.open()) return;
  if (!transaction.closing()) {
    if (!transaction.takes()) return;  // its commit is under way
    if (!MayEnd(transaction, progress, now)) return;
    transaction.Close();
  }
  if (sink.in_flight_events() > 0) return;
  // What is on its way into the parked table must be there first.
  const auto& delivered = transaction.delivered();
  const auto of_ledger = static_cast<uint64_t>(
      std::count_if(delivered.begin(), delivered.end(),
                    [](Producer::Ticket ticket) { return ticket < Producer::kTickets; }));
  if (ledger.unacked_events() - (progress.waiting ? 1 : 0) > of_ledger) return;
  Advance(ledger, given, progress);
  sink.Commit(options_.topic.topic, WatermarkKey(options_.topic.source), Encode(watermark_));
}

bool ExactlyOnce::MayEnd(const Transaction& transaction, const Progress& progress,
                         Clock::time_point now) {
  if (std::exchange(events_, transaction.events()) != transaction.events()) last_event_at_ = now;
  const Clock::time_point longest = transaction.since() + options_.interval;
  if (progress.ending || transaction.events() >= kMostEvents || now >= longest) return true;
  due_ = longest;
  if (!progress.idle || progress.in_transaction) return false;
  // A commit costs as much as thousands of events: where they come thick, a gap is no end.
  if (transaction.events() < kThick || now >= last_event_at_ + kGap) return true;
  due_ = std::min(longest, last_event_at_ + kGap);
  return false;
}

void ExactlyOnce::Advance(const Ledger& ledger, const std::vector<std::string>& given,
                          const Progress& progress) {
  watermark_.whole = std::max(watermark_.whole, ledger.received());
  watermark_.released = given;
  if (progress.in_transaction && progress.ordinal >= 0) {
    // Rows that were published before this session come first, and are skipped.
    const bool further =
        progress.commit != watermark_.open_commit || progress.ordinal > watermark_.open_ordinal;
    if (further && progress.commit >= watermark_.whole) {
      watermark_.open_commit = progress.commit;
      watermark_.open_ordinal = progress.ordinal;
    }
  } else if (watermark_.open_commit < watermark_.whole) {
    watermark_.open_commit = Lsn{};
    watermark_.open_ordinal = -1;
  }
}

}  // namespace relay
