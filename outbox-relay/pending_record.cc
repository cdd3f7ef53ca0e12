#include "outbox-relay/pending_record.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "outbox-relay/event_log.h"

namespace relay {
namespace {

constexpr std::chrono::milliseconds kTopicAnswer(500);

}  // namespace

PendingRecord::PendingRecord(std::string source_name, Producer& sink, ParkingLot& parking,
                             SourceMetrics& metrics, SourceState& state)
    : source_name_(std::move(source_name)),
      sink_(sink),
      parking_(parking),
      metrics_(metrics),
      state_(state),
      builder_(source_name_) {
  state_.SetAwaitsTopic(false);
}

absl::Status PendingRecord::Send(const Event& event, StreamPosition at, Producer::Ticket ticket) {
  event_ = &event;
  at_ = at;
  ticket_ = ticket;
  record_ = &builder_.Build(event);
  LogSent(source_name_, event);
  return Retry();
}

absl::Status PendingRecord::Retry() {
  using Outcome = Producer::Outcome;
  awaits_room_ = false;
  Outcome outcome = sink_.Produce(*record_, ticket_);
  // Twice: the topic's limit may ask for smaller batches, and those for another client.
  for (int i = 0; i < 2 && outcome == Outcome::kTopicNotReady; ++i) {
    if (Clock::now() < topic_wait_.ask_again_at()) break;
    AwaitTopic();
    if (record_ == nullptr) return absl::OkStatus();
    outcome = sink_.Produce(*record_, ticket_);
  }
  awaits_room_ = outcome == Outcome::kNoRoom;
  if (outcome == Outcome::kTaken) {
    // Somebody else may have asked for the topic and found it.
    if (topic_wait_.waiting()) EndWait();
    record_ = nullptr;
  }
  if (outcome == Outcome::kRefused) {
    if (parking_.available()) {
      Park(sink_.refusal());
    } else {
      sink_.GiveUp();
      outcome = Outcome::kFailed;
    }
  }
  // Whatever else it was: the record waits, and with it the stream.
  return outcome == Outcome::kFailed ? AsStatus(sink_.failure()) : absl::OkStatus();
}

void PendingRecord::AwaitTopic() {
  const absl::Status answer = sink_.AwaitTopic(record_->topic, kTopicAnswer);
  const Clock::time_point now = Clock::now();
  if (answer.ok()) {
    // What else it may wait for is seen next.
    state_.SetAwaitsTopic(false);
    parking_.EndTopicWait();
    return;
  }
  // A topic that is not there may yet come.
  const bool final = !PassesByItself(answer) &&
                     (!absl::IsNotFound(answer) || parking_.MissingLongEnough(record_->topic, now));
  if (final && parking_.available()) {
    Park(sink_.refusal());
    return;
  }
  Wait(answer);
}

void PendingRecord::Wait(const absl::Status& what_for) {
  state_.SetAwaitsTopic(true);
  if (const auto level = topic_wait_.OnNotReady(what_for, Clock::now())) {
    LogWaits(*level, source_name_, *event_, what_for);
  }
}

void PendingRecord::EndWait() {
  topic_wait_.End();
  state_.SetAwaitsTopic(false);
  parking_.EndTopicWait();
}

void PendingRecord::Park(const PublishFailure& why) {
  parking_.TakePoison(*event_, at_, ticket_, why);
  metrics_.publish_failures.Increment();
  Drop();
}

void PendingRecord::Drop() {
  record_ = nullptr;
  EndWait();
}

}  // namespace relay
