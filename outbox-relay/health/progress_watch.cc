#include "outbox-relay/health/progress_watch.h"

#include <librdkafka/rdkafka.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/waiting/until_stop.h"

namespace relay {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLookEvery(1'000);
// The pause's watch asks every five seconds.
constexpr milliseconds kPostgresAnswered(12'000);
constexpr milliseconds kKafkaAnswer(3'000);

}  // namespace

ProgressWatch::ProgressWatch(kafka::Settings kafka, milliseconds patience)
    : kafka_(std::move(kafka)), patience_(patience) {}

ProgressWatch::~ProgressWatch() {
  if (client_ != nullptr) rd_kafka_destroy(client_);
}

size_t ProgressWatch::Add(const SourceState& state, const SourceMetrics& metrics) {
  sources_.emplace_back(
      new Watched{.state = state, .metrics = metrics, .detector = StallDetector(patience_)});
  return sources_.size() - 1;
}

absl::Status ProgressWatch::health(size_t source) const {
  if (!sources_[source]->stalled) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat(
      "there are events to send, Postgres and Kafka answer, and nothing has moved for ",
      std::chrono::duration_cast<std::chrono::seconds>(patience_).count(),
      " s (--stall_timeout_s); outbox-relay doctor says more"));
}

absl::Status ProgressWatch::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    Look();
    waiting::UntilStop(stop, kLookEvery);
  }
  return absl::OkStatus();
}

void ProgressWatch::Look() {
  std::optional<bool> kafka_answers;
  for (const auto& source : sources_) {
    const SourceState& state = source->state;
    const Clock::time_point now = Clock::now();
    const std::optional<Lsn> log_end = state.LogEnd(now, kPostgresAnswered);
    // Where it does not stream it says so in /readyz, and a restart would only forget what stops
    // it.
    source->detector.Look(
        {.streaming =
             source->metrics.active.Value() > 0 && !state.paused() && !state.awaits_topic(),
         .postgres_answers = log_end.has_value(),
         .something_to_send = source->metrics.unpublished_events.Value() > 0 && log_end &&
                              state.confirmed() < *log_end,
         .confirmed = state.confirmed(),
         .acknowledged_events = static_cast<uint64_t>(source->metrics.published_events.Value())},
        now);
    if (source->detector.Suspects(now)) {
      if (!kafka_answers) kafka_answers = KafkaAnswers();
      if (!*kafka_answers) source->detector.KafkaIsSilent(Clock::now());
    }
    source->stalled = source->detector.Stalled(now);
  }
}

bool ProgressWatch::KafkaAnswers() {
  if (client_ == nullptr) {
    absl::StatusOr<kafka::Conf> conf = kafka::MakeConf(kafka_, {}, {});
    if (!conf.ok()) return false;
    char why[512] = "";
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), why, sizeof why);
    if (client_ == nullptr) return false;
    conf->release();  // the client owns it now
  }
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(client_, 0, nullptr, &metadata, static_cast<int>(kKafkaAnswer.count()));
  if (metadata != nullptr) rd_kafka_metadata_destroy(metadata);
  return error == RD_KAFKA_RESP_ERR_NO_ERROR;
}

}  // namespace relay
